package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// precondition makes the broker refuse a message unless sequence is that of the
// last message of the stream under filter; 0 means that there is none.
type precondition struct {
	stream, filter string
	sequence       uint64
}

func (p precondition) set(msg *nats.Msg) {
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(p.sequence, 10))
	msg.Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, p.filter)
}

// publish sends msg until the broker has stored it. A try that was not answered
// may have been stored all the same; the next try of a message that must be the
// first then finds a conflict with it.
func (c *Client) publish(ctx context.Context, msg *nats.Msg, p precondition) error {
	p.set(msg)
	return c.retry(ctx, "publish to "+msg.Subject, func(ctx context.Context) error {
		_, err := c.js.PublishMsg(ctx, msg)
		switch {
		case IsConflict(err):
			return c.confirmConflict(ctx, p)
		case blamesMessage(err):
			return fmt.Errorf("%w: %w", errPermanent, err)
		}
		return err
	})
}

// errConflictUnconfirmed is a conflict with no message: it is tried again.
var errConflictUnconfirmed = errors.New("the broker refuses the message for another one that does not stand there")

// confirmConflict returns ErrConflict if the last message is not the expected
// one. The broker's word alone is not enough to let a job go: it says the same
// when it cannot read its store, and when a leader is lost together with the
// message that was in the way.
func (c *Client) confirmConflict(ctx context.Context, p precondition) error {
	found, err := getLast(ctx, c.nc, p.stream, p.filter)
	switch {
	case err != nil:
		return err
	case sequenceOf(found) == p.sequence:
		return errConflictUnconfirmed
	}
	return ErrConflict
}

// Schedule publishes the first timer of a submitted job. It returns ErrConflict
// when the job has a timer or is due: it was submitted before.
func (c *Client) Schedule(ctx context.Context, j job.Job, at time.Time) error {
	subjects := c.cfg.Subjects
	return c.schedule(ctx, j, at, precondition{stream: subjects.Wait(), filter: subjects.WaitingOrDue(j.ID)})
}

// Reschedule publishes the next timer of a due job, whose message has that
// sequence. It returns ErrConflict when the job is no longer this message's:
// somebody has canceled it, or it is in another message. Where somebody has
// deleted the stream, this worker has the last of the job, and it gets its timer.
func (c *Client) Reschedule(ctx context.Context, j job.Job, at time.Time, sequence uint64) error {
	subjects := c.cfg.Subjects
	err := c.schedule(ctx, j, at, precondition{stream: subjects.Wait(), filter: subjects.Due(j.ID), sequence: sequence})
	if !errors.Is(err, ErrConflict) {
		return err
	}
	settled, err := c.HasEvent(ctx, j)
	if err != nil {
		return err
	}
	if settled {
		return ErrConflict
	}
	if err = c.Schedule(ctx, j, at); !errors.Is(err, ErrConflict) {
		return err
	}
	found, getErr := c.get(ctx, subjects.Wait(), subjects.WaitingOrDue(j.ID))
	if sequenceOf(found) == sequence {
		getErr = errConflictUnconfirmed // it is the message in hand
	}
	if getErr != nil {
		return getErr
	}
	return err
}

func (c *Client) schedule(ctx context.Context, j job.Job, at time.Time, p precondition) error {
	body, err := j.Encode()
	if err != nil {
		return err
	}
	msg := newMessage(c.cfg.Subjects.WaitFor(j.ID), body, j.Traceparent)
	// Sub-second precision matters: the client library's own option rounds.
	msg.Header.Set(jetstream.ScheduleHeader, scheduleAt+at.UTC().Format(time.RFC3339Nano))
	msg.Header.Set(jetstream.ScheduleTargetHeader, c.cfg.Subjects.Due(j.ID))
	return c.publish(ctx, msg, p)
}

// PublishEvent publishes a job's terminal event, or returns ErrConflict when the
// job has another one that is not the one to replace. The replaced event is
// deleted once the new one is stored.
func (c *Client) PublishEvent(ctx context.Context, j job.Job, data job.EventData) error {
	err := c.publishEvent(ctx, j, data)
	if errors.Is(err, ErrConflict) {
		return c.alreadyPublishedByUs(ctx, j, data)
	}
	return err
}

func (c *Client) publishEvent(ctx context.Context, j job.Job, data job.EventData) error {
	err := c.tryPublishEvent(ctx, j, data)
	if j.Replaces == 0 || err != nil && !errors.Is(err, ErrConflict) {
		return err
	}
	found, getErr := c.get(ctx, c.cfg.Subjects.Events(), c.cfg.Subjects.AnyEvent(j.ID))
	switch {
	case getErr != nil:
		return getErr
	case found != nil:
		return errors.Join(err, c.purgeReplaced(ctx, j.ID, sequenceOf(found)))
	case err != nil: // the one to replace has expired
		j.Replaces = 0
		return c.tryPublishEvent(ctx, j, data)
	}
	return nil
}

func (c *Client) tryPublishEvent(ctx context.Context, j job.Job, data job.EventData) error {
	msg, err := EventMessage(c.cfg.Subjects, j, data)
	if err != nil {
		return err
	}
	return c.publish(ctx, msg, onlyEvent(c.cfg.Subjects, j))
}

// alreadyPublishedByUs returns nil if the event in the way is this very event,
// from a try whose answer was lost, and ErrConflict otherwise.
func (c *Client) alreadyPublishedByUs(ctx context.Context, j job.Job, data job.EventData) error {
	found, err := c.get(ctx, c.cfg.Subjects.Events(), c.cfg.Subjects.AnyEvent(j.ID))
	if err != nil {
		return err
	}
	var event job.Event
	if found == nil || json.Unmarshal(found.Data, &event) != nil || !event.Data.SettledAt.Equal(data.SettledAt) {
		return ErrConflict
	}
	return nil
}

// PublishRejected publishes the event of a message that could not be taken, or
// returns ErrConflict when the message has one already. The subject may have the
// event of another message: when somebody deletes a stream, its successor counts
// from 1 again. That event is replaced.
func (c *Client) PublishRejected(ctx context.Context, event job.Event, meta *nats.MsgMetadata) error {
	stream := c.cfg.Subjects.Events()
	subject := c.cfg.Subjects.Rejected(meta.Stream, meta.Sequence.Stream)
	p := precondition{stream: stream, filter: subject}
	for {
		msg, err := eventMessage(event, subject, p)
		if err != nil {
			return err
		}
		if err = c.publish(ctx, msg, p); !errors.Is(err, ErrConflict) {
			return err
		}
		found, err := c.get(ctx, stream, subject)
		if err != nil {
			return err
		}
		if found != nil && isEventOf(found.Data, meta.Timestamp) {
			return ErrConflict
		}
		p.sequence = sequenceOf(found)
	}
}

// isEventOf reports whether an event is about the message of that time.
func isEventOf(body []byte, at time.Time) bool {
	var event job.Event
	return json.Unmarshal(body, &event) == nil && event.Data.SubmittedAt.Equal(at)
}

// purgeReplaced deletes the events of a job before that sequence. If the owner of
// the stream forbids that, they stay until they expire.
func (c *Client) purgeReplaced(ctx context.Context, id job.ID, sequence uint64) error {
	err := c.retry(ctx, "delete the replaced event of job "+string(id), func(ctx context.Context) error {
		err := PurgeReplaced(ctx, c.js, c.cfg.Subjects, id, sequence)
		if blamesMessage(err) {
			return fmt.Errorf("%w: %w", errPermanent, err)
		}
		return err
	})
	if errors.Is(err, errPermanent) {
		return nil
	}
	return err
}

// PurgeReplaced deletes the events of a job before that sequence, in one request.
func PurgeReplaced(ctx context.Context, js jetstream.JetStream, subjects Subjects, id job.ID, sequence uint64) error {
	stream, err := js.Stream(ctx, subjects.Events())
	if err != nil {
		return err
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject(subjects.AnyEvent(id)), jetstream.WithPurgeSequence(sequence))
}

// Ack removes a message from its work queue and has that confirmed.
func (c *Client) Ack(ctx context.Context, msg *nats.Msg) error {
	return c.acknowledge(ctx, msg, "+ACK")
}

// Term is [Client.Ack] of a message that was not taken; the broker's advisory
// says why.
func (c *Client) Term(ctx context.Context, msg *nats.Msg, why string) error {
	return c.acknowledge(ctx, msg, "+TERM "+why)
}

func (c *Client) acknowledge(ctx context.Context, msg *nats.Msg, body string) error {
	return c.retry(ctx, "acknowledge a message of "+msg.Subject, func(ctx context.Context) error {
		_, err := c.nc.RequestWithContext(ctx, msg.Reply, []byte(body))
		return err
	})
}
