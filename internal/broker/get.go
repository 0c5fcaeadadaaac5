package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// HasEvent reports whether a job has a terminal event other than the one that it
// is to replace. A completed one is never replaced: any producer can ask for it.
func (c *Client) HasEvent(ctx context.Context, j job.Job) (bool, error) {
	subjects := c.cfg.Subjects
	found, err := c.get(ctx, subjects.Events(), subjects.AnyEvent(j.ID))
	if found == nil || err != nil || j.Replaces == 0 {
		return found != nil, err
	}
	if sequenceOf(found) == j.Replaces {
		return found.Header.Get(jetstream.SubjectHeader) == subjects.Event(job.OutcomeCompleted, j.ID), nil
	}
	return true, c.purgeReplaced(ctx, j.ID, sequenceOf(found))
}

// IsScheduled reports whether a job has a timer or is due.
func (c *Client) IsScheduled(ctx context.Context, id job.ID) (bool, error) {
	found, err := c.get(ctx, c.cfg.Subjects.Wait(), c.cfg.Subjects.WaitingOrDue(id))
	return found != nil, err
}

// directGet is the body of a direct get.
type directGet struct {
	LastBySubject string `json:"last_by_subj"`
}

// get is getLast, made again until it is answered.
func (c *Client) get(ctx context.Context, stream, subject string) (found *nats.Msg, err error) {
	err = c.retry(ctx, "look for a message on "+subject, func(ctx context.Context) (err error) {
		found, err = getLast(ctx, c.nc, stream, subject)
		return err
	})
	return found, err
}

// getLast returns the last message of a stream under a subject, wildcards
// included, or nil when there is none. It uses direct get, which any replica of
// the stream may answer. The headers of the message say where it is stored.
func getLast(ctx context.Context, nc *nats.Conn, stream, subject string) (*nats.Msg, error) {
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

// sequenceOf is the stream sequence of a message that getLast returned; 0 for
// none.
func sequenceOf(msg *nats.Msg) uint64 {
	if msg == nil {
		return 0
	}
	sequence, _ := strconv.ParseUint(msg.Header.Get(jetstream.SequenceHeader), 10, 64)
	return sequence
}
