package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// inspectLimit bounds one question of an inspection: a broker that forbids a
// request does not answer it.
const inspectLimit = 3 * time.Second

// probeID stands in the place of a job in the subjects that an inspection tries.
const probeID job.ID = "jobferry-check"

// neverStored is a sequence that no stream comes to.
const neverStored = "4611686018427387904" // 2^62

// errorStreamMismatch is the broker's error code for a message that expects
// another stream: proof that it may be published, and that it was not stored.
const errorStreamMismatch jetstream.ErrorCode = 10060

// Report is told of each thing that was tried: what it is, what was found of it,
// and in an error what is wrong and what to do about it.
type Report func(what, found string, err error)

// Inspect tries what a worker needs of JetStream, and changes nothing. A stream
// that is missing is no error: a worker creates it.
func Inspect(ctx context.Context, nc *nats.Conn, cfg Config, report Report) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("jetstream: %w", err)
	}
	i := inspection{nc: nc, js: js, cfg: cfg, report: report}
	consumers := consumerConfigs(cfg)
	for _, want := range streamConfigs(cfg) {
		if !i.stream(ctx, want) {
			continue
		}
		if consumer, has := consumers[want.Name]; has {
			i.consumer(ctx, want.Name, consumer)
		}
	}
	return nil
}

// inspection is one under way.
type inspection struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	cfg    Config
	report Report
}

// stream looks at a stream, and reports whether it is there.
func (i inspection) stream(ctx context.Context, want jetstream.StreamConfig) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*inspectLimit)
	defer cancel()
	what := "stream " + want.Name
	stream, err := i.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		i.report(what, "not there yet: `worker run` creates it, and `worker setup`", nil)
		return false
	}
	if err != nil {
		i.report(what, "", unanswered("$JS.API.STREAM.INFO."+want.Name, err))
		return false
	}
	have := stream.CachedInfo()
	err = checkStream(have.Config, want)
	if err == nil && have.Config.Replicas != want.Replicas {
		err = fmt.Errorf("it has %d replicas and WORKER_STREAM_REPLICAS is %d: run `nats stream edit --replicas=%d %s`, or change the setting",
			have.Config.Replicas, want.Replicas, want.Replicas, want.Name)
	}
	i.report(what, fmt.Sprintf("%d replicas, %d messages", have.Config.Replicas, have.State.Msgs), err)
	for _, subject := range i.published(want.Name) {
		i.publish(ctx, subject)
	}
	return true
}

// published are subjects of a stream that a worker publishes to.
func (i inspection) published(stream string) []string {
	names := i.cfg.Names
	switch stream {
	case names.Wait():
		return []string{names.WaitFor(probeID)}
	case names.Events():
		return []string{names.Event(job.OutcomeCompleted, probeID), names.Rejected(names.Jobs(), 0)}
	}
	return nil
}

// publish tries whether a subject may be published to, with a message that the
// broker does not store.
func (i inspection) publish(ctx context.Context, subject string) {
	ctx, cancel := context.WithTimeout(ctx, inspectLimit)
	defer cancel()
	_, err := i.js.Publish(ctx, subject, nil, jetstream.WithExpectStream(string(probeID)))
	if isAPIError(err, errorStreamMismatch) {
		err = nil
	}
	i.report("publish "+subject, "allowed", unanswered(subject, err))
}

func (i inspection) consumer(ctx context.Context, stream string, want jetstream.ConsumerConfig) {
	looking, cancel := context.WithTimeout(ctx, inspectLimit)
	defer cancel()
	what := fmt.Sprintf("consumer %s of %s", want.Durable, stream)
	have, err := i.js.Consumer(looking, stream, want.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		i.report(what, "not there yet: `worker run` creates it, and `worker setup`", nil)
		return
	case err != nil:
		i.report(what, "", unanswered("$JS.API.CONSUMER.INFO."+stream+"."+want.Durable, err))
		return
	case !sameConsumer(have.CachedInfo().Config, want):
		err = errors.New("its settings are not the worker's: run `worker setup`")
	}
	i.report(what, fmt.Sprintf("%d pending", have.CachedInfo().NumPending), err)
	// Not a pull request, so the broker says so, and hands out nothing.
	pulls := "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + want.Durable
	i.request(ctx, "pull from "+stream, pulls, pulls, "{")
	// Progress of a message that there never was: the broker answers, and has
	// nothing to do.
	acks := "$JS.ACK." + stream + "." + want.Durable
	i.request(ctx, "acknowledge in "+stream, acks+".1."+neverStored+".1.0.0", acks+".>", "+WPI")
}

// request tries whether a subject may be published to, with a request that
// changes nothing. allow is what has to be allowed where it may not.
func (i inspection) request(ctx context.Context, what, subject, allow, body string) {
	ctx, cancel := context.WithTimeout(ctx, inspectLimit)
	defer cancel()
	_, err := i.nc.RequestWithContext(ctx, subject, []byte(body))
	i.report(what, "allowed", unanswered(allow, err))
}

// unanswered explains why a request was not answered.
func unanswered(subject string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) {
		return fmt.Errorf("no answer: allow the user to publish to %s: %w", subject, err)
	}
	return err
}
