package consumer

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// headerSequence is a message's place in its stream, in the answer to a direct
// get.
const headerSequence = "Nats-Sequence"

// HeaderReplaces is the header of a submission that carries a job once more
// which is settled: the sequence, in the stream of events, of the event that
// the new one replaces. A submission that names another sequence than that of
// the job's event is dropped like any other of a settled job.
const HeaderReplaces = "Jobferry-Replaces"

// scheduleAt begins the schedule of a timer.
const scheduleAt = "@at "

// directGet is the body of a direct get.
type directGet struct {
	LastBySubject string `json:"last_by_subj"`
}

// lastUnder returns the last message of a stream under a subject, wildcards
// included, or nil when there is none. It is asked for by direct get, which
// any replica of the stream may answer; its headers say where it stood.
func lastUnder(ctx context.Context, nc *nats.Conn, stream, subject string) (*nats.Msg, error) {
	query, err := json.Marshal(directGet{LastBySubject: subject})
	if err != nil {
		return nil, err
	}
	answer, err := nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream, query)
	if err != nil {
		return nil, err
	}
	switch status := answer.Header.Get("Status"); status {
	case "":
		return answer, nil
	case "404":
		return nil, nil //nolint:nilnil // no message is none
	default:
		return nil, fmt.Errorf("direct get: %s %s", status, answer.Header.Get("Description"))
	}
}

// sequenceOf is where a message that lastUnder returned stands in its stream; 0 for
// none.
func sequenceOf(msg *nats.Msg) uint64 {
	if msg == nil {
		return 0
	}
	sequence, _ := strconv.ParseUint(msg.Header.Get(headerSequence), 10, 64)
	return sequence
}

// DueAt is when a timer fires, as its headers say; false if they do not.
func DueAt(timer nats.Header) (time.Time, bool) {
	raw, found := strings.CutPrefix(timer.Get(headerSchedule), scheduleAt)
	at, err := time.Parse(time.RFC3339Nano, raw)
	return at, found && err == nil
}

// Replaces is the sequence of the event that a submission is to replace, as its
// headers say; 0 for none.
func Replaces(submission nats.Header) uint64 {
	sequence, err := strconv.ParseUint(submission.Get(HeaderReplaces), 10, 64)
	if err != nil {
		return 0
	}
	return sequence
}
