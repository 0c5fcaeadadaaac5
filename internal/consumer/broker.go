package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of the broker.
const (
	headerSchedule       = "Nats-Schedule"        // "@at <RFC 3339>"
	headerScheduleTarget = "Nats-Schedule-Target" // where a timer fires to
	headerExpectSequence = "Nats-Expected-Last-Subject-Sequence"
	headerExpectSubject  = "Nats-Expected-Last-Subject-Sequence-Subject"
	headerContentType    = "Content-Type"
)

// HeaderTraceparent is the header that carries a job's W3C trace context.
const HeaderTraceparent = "traceparent"

// Error codes of a publish with an expected sequence.
const (
	codeWrongSequence     jetstream.ErrorCode = 10071 // another message stands there
	codeSequenceUndecided jetstream.ErrorCode = 10164 // another publish is under way
)

// errRefused means that the broker will never take the message: it is too
// large, or breaks a rule of the stream.
var errRefused = errors.New("the broker refuses the message for good")

// requestLimit bounds one request to the broker before it is made again.
const requestLimit = 5 * time.Second

// brokerBackoff is between the tries of one request to the broker.
var brokerBackoff = retry.Policy{Initial: 50 * time.Millisecond, Max: 2 * time.Second, Multiplier: 2}

// errTaken means that the broker refused a message because the one that it
// was to be the first of is there already.
var errTaken = errors.New("another message stands there already")

// broker is what a worker asks of JetStream, each call made again until it is
// answered or ctx ends.
type broker struct {
	nc    *nats.Conn
	js    jetstream.JetStream
	names Names

	repair  func(ctx context.Context) // creates missing streams again
	trouble *trouble                  // tells when the broker keeps refusing
}

// arm has the broker deliver the job at a time. It returns errTaken when the
// message in hand is not the one that carries the job: the first timer of a
// submission needs that none stands there, any other that the due message
// still does. Somebody may have cancelled the job.
func (b broker) arm(ctx context.Context, j job.Job, at time.Time, inHand expectation) error {
	body, err := j.Encode()
	if err != nil {
		return err
	}
	msg := newMessage(b.names.WaitFor(j.ID), body, j.Traceparent)
	// Sub-second precision matters: the client library's own option rounds.
	msg.Header.Set(headerSchedule, scheduleAt+at.UTC().Format(time.RFC3339Nano))
	msg.Header.Set(headerScheduleTarget, b.names.Due(j.ID))
	inHand.set(msg)
	return b.publish(ctx, msg, inHand)
}

// carriedBy is what stands under a job's name while a message of its carries
// it.
func (b broker) carriedBy(l lane, id job.ID, sequence uint64) expectation {
	if l == due {
		return expectation{stream: b.names.Wait(), filter: b.names.Due(id), sequence: sequence}
	}
	return expectation{stream: b.names.Wait(), filter: b.names.OnItsWay(id)}
}

// announceRejected publishes the event of a message that could not be taken, or
// returns errTaken when it has one already. The event of another message may
// stand in its place, from before somebody deleted the stream and it was made
// anew, with its sequences from 1 again: that one is superseded.
func (b broker) announceRejected(ctx context.Context, event job.Event, meta *nats.MsgMetadata) error {
	subject := b.names.Rejected(meta.Stream, meta.Sequence.Stream)
	expected := expectation{stream: b.names.Events(), filter: subject}
	err := b.publishEvent(ctx, event, subject, expected)
	for errors.Is(err, errTaken) {
		var standing *nats.Msg
		if standing, err = b.last(ctx, b.names.Events(), subject); err != nil {
			return err
		}
		if standing != nil && isEventOf(standing.Data, meta.Timestamp) {
			return errTaken
		}
		expected.sequence = sequenceOf(standing)
		err = b.publishEvent(ctx, event, subject, expected)
	}
	return err
}

// isEventOf reports whether an event is about the message of that time.
func isEventOf(body []byte, at time.Time) bool {
	var event job.Event
	return json.Unmarshal(body, &event) == nil && event.Data.SubmittedAt.Equal(at)
}

func (b broker) publishEvent(ctx context.Context, event job.Event, subject string, expected expectation) error {
	msg, err := eventMessage(event, subject, expected)
	if err != nil {
		return err
	}
	return b.publish(ctx, msg, expected)
}

func newMessage(subject string, body []byte, traceparent string) *nats.Msg {
	msg := nats.NewMsg(subject)
	msg.Data = body
	if traceparent != "" {
		msg.Header.Set(HeaderTraceparent, traceparent)
	}
	return msg
}

// expectation makes the broker refuse a message unless sequence is that of the
// last one of the stream under filter; 0 means that none stands there.
type expectation struct {
	stream, filter string
	sequence       uint64
}

func (e expectation) set(msg *nats.Msg) {
	msg.Header.Set(headerExpectSequence, strconv.FormatUint(e.sequence, 10))
	msg.Header.Set(headerExpectSubject, e.filter)
}

// publish sends msg until the broker has stored it. A try that was not
// answered may have been stored all the same; for a message that must be the
// first, the next try then finds it taken, by itself.
func (b broker) publish(ctx context.Context, msg *nats.Msg, expected expectation) error {
	return b.insist(ctx, "publish to "+msg.Subject, func(ctx context.Context) error {
		_, err := b.js.PublishMsg(ctx, msg)
		switch {
		case isAPIError(err, codeWrongSequence):
			return b.confirmTaken(ctx, expected)
		case isRefusal(err):
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		return err
	})
}

// errUnconfirmed is a refusal that nothing bears out: it is tried again.
var errUnconfirmed = errors.New("the broker refuses the message for another one that does not stand there")

// confirmTaken returns errTaken if what stands under the expectation's filter is
// not what was expected. The broker's word alone is not enough to let a job go:
// it gives the same one when it cannot read its store, and a leader that is lost
// takes along what it had refused others for.
func (b broker) confirmTaken(ctx context.Context, expected expectation) error {
	standing, err := lastUnder(ctx, b.nc, expected.stream, expected.filter)
	switch {
	case err != nil:
		return err
	case sequenceOf(standing) == expected.sequence:
		return errUnconfirmed
	}
	return errTaken
}

// isRefusal tells an answer that blames the message from one that may pass.
func isRefusal(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	blames := ok && api.Code == http.StatusBadRequest && api.ErrorCode != codeSequenceUndecided
	return blames || errors.Is(err, nats.ErrMaxPayload)
}

// hasEvent reports whether a job has a terminal event other than the one that
// it is to replace. A completed one is never replaced: any producer can ask for
// it.
func (b broker) hasEvent(ctx context.Context, j job.Job) (bool, error) {
	found, err := b.last(ctx, b.names.Events(), b.names.AnyEvent(j.ID))
	if found == nil || err != nil || j.Replaces == 0 {
		return found != nil, err
	}
	if sequenceOf(found) == j.Replaces {
		return found.Header.Get(jetstream.SubjectHeader) == b.names.Event(job.OutcomeCompleted, j.ID), nil
	}
	return true, b.supersede(ctx, j.ID, sequenceOf(found))
}

// isOnItsWay reports whether a job has a timer, or is due.
func (b broker) isOnItsWay(ctx context.Context, id job.ID) (bool, error) {
	found, err := b.last(ctx, b.names.Wait(), b.names.OnItsWay(id))
	return found != nil, err
}

// last is lastUnder, made again until it is answered.
func (b broker) last(ctx context.Context, stream, subject string) (found *nats.Msg, err error) {
	err = b.insist(ctx, "look for a message on "+subject, func(ctx context.Context) (err error) {
		found, err = lastUnder(ctx, b.nc, stream, subject)
		return err
	})
	return found, err
}

// Acknowledgements, as the wire has them.
var (
	ack       = []byte("+ACK")
	terminate = "+TERM "
)

// acknowledge removes a message from its work queue and has it confirmed.
func (b broker) acknowledge(ctx context.Context, msg *nats.Msg, word []byte) error {
	return b.insist(ctx, "acknowledge a message of "+msg.Subject, func(ctx context.Context) error {
		_, err := b.nc.RequestWithContext(ctx, msg.Reply, word)
		return err
	})
}

// insist calls try until it succeeds, is told that the message is taken or
// refused for good, or ctx ends; then it returns the last real error beside the cause.
func (b broker) insist(ctx context.Context, what string, try func(context.Context) error) error {
	for tries := 1; ; tries++ {
		attempt, cancel := context.WithTimeout(ctx, requestLimit)
		err := try(attempt)
		cancel()
		if err == nil || errors.Is(err, errTaken) || errors.Is(err, errRefused) {
			b.trouble.over()
			return err
		}
		if tries >= manyTries {
			b.trouble.is(fmt.Errorf("%s: %w", what, err))
		}
		if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) {
			b.repair(ctx)
		}
		select {
		case <-time.After(brokerBackoff.Delay(tries - 1)):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w (last error: %w)", what, context.Cause(ctx), err)
		}
	}
}
