package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/broker/preflight/permission"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// notJSON is a request that the broker answers, and does not carry out.
const notJSON = "{"

// permit is a subject that a worker publishes to, with a request that has no
// effect: the broker refuses it, or it asks for nothing.
type permit struct {
	what    string // it is for
	subject string // that is tried
	allow   string // what has to be allowed: the line of deployments/permissions
	header  nats.Header
	body    string
	without string // what a worker cannot do without it, if it works all the same
}

// api is a permit of the JetStream API.
func api(what, request, body string) permit {
	subject := "$JS.API." + request
	return permit{what: what, subject: subject, allow: subject, body: body}
}

// creates is the permit by which a missing stream is created.
func creates(stream string) permit {
	return api("create stream "+stream, "STREAM.CREATE."+stream, notJSON)
}

// findsStreams is the permit to ask which stream takes a subject.
var findsStreams = permit{
	what: "find streams by subject", subject: "$JS.API.STREAM.NAMES", allow: "$JS.API.STREAM.NAMES", body: notJSON,
	without: "without it nobody says which stream is in the way when one cannot be created",
}

// createsConsumer is the permit by which the consumer of a stream is created.
func createsConsumer(stream string) permit {
	return api("create consumer "+broker.Durable+" of "+stream, "CONSUMER.CREATE."+stream+"."+broker.Durable, notJSON)
}

// consumes are the permits by which the messages of a stream are taken.
func consumes(stream string) []permit {
	acks := "$JS.ACK." + stream + "." + broker.Durable
	return []permit{
		// Not a pull request, so the broker says so, and hands out nothing.
		api("pull from "+stream, "CONSUMER.MSG.NEXT."+stream+"."+broker.Durable, notJSON),
		// Progress of a message that there never was: the broker answers, and
		// has nothing to do.
		{what: "acknowledge in " + stream, subject: acks + ".1." + neverStored + ".1.0.0", allow: acks + ".>", body: "+WPI"},
	}
}

// uses are the permits for all else that is done with a stream.
func uses(s broker.Subjects, stream string) []permit {
	reads := api("read from "+stream, "DIRECT.GET."+stream, `{"seq":`+neverStored+`}`)
	switch stream {
	case s.Wait():
		return []permit{reads, stores(s.WaitFor(probeID), s.WaitFor("*"))}
	case s.Events():
		purges := api("purge replaced events from "+stream, "STREAM.PURGE."+stream, `{"filter":"`+s.Event("none", probeID)+`"}`)
		purges.without = "without it events that `worker replay` has replaced stay until they expire"
		return []permit{
			reads, purges,
			stores(s.Event(job.OutcomeCompleted, probeID), s.Event("*", "*")),
			stores(s.Rejected(s.Jobs(), 0), s.Event(job.OutcomeRejected, "*.*")),
		}
	}
	reads.without = "without it the age of the oldest submission is not in the metrics"
	return []permit{reads}
}

// stores is a permit to publish into a stream. It is tried with a message that
// the broker does not store.
func stores(subject, allow string) permit {
	return permit{
		what: "publish " + subject, subject: subject, allow: allow,
		header: nats.Header{jetstream.ExpectedStreamHeader: {string(probeID)}},
	}
}

// try tries a permit, reports what comes of it, and returns whether it is given.
func (i inspection) try(ctx context.Context, p permit) bool {
	err := i.tried(ctx, p)
	i.report(p.what, "allowed", err)
	return err == nil
}

func (i inspection) tried(ctx context.Context, p permit) error {
	ctx, cancel := context.WithTimeout(ctx, inspectLimit)
	defer cancel()
	answer, err := permission.Ask(ctx, i.nc, &nats.Msg{Subject: p.subject, Header: p.header, Data: []byte(p.body)}, p.allow)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil // it may be asked; what would answer is missing, and reported as such
	case err != nil && p.without != "":
		return fmt.Errorf("%w; %s", err, p.without)
	case err != nil || p.header == nil:
		return err
	}
	return notStored(answer)
}

// notStored returns what the broker says of a message that expects another
// stream, if it is anything else than that.
func notStored(answer *nats.Msg) error {
	var ack struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return fmt.Errorf("an answer that is not JetStream's: %w", err)
	}
	if ack.Error == nil || ack.Error.ErrorCode == errorStreamMismatch {
		return nil
	}
	return ack.Error
}
