package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// headerDestination is the header of the event of a job that was not
// completed: what its submission said of where results go, as JSON, so that the
// job can be carried once more.
const headerDestination = "Jobferry-Destination"

// Destination is where a job's results go, as far as its submission says.
type Destination struct {
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
}

// DestinationOf reads what an event's headers say; zero if they say nothing.
func DestinationOf(event nats.Header) (d Destination, err error) {
	raw := event.Get(headerDestination)
	if raw == "" {
		return d, nil
	}
	if err := json.Unmarshal([]byte(raw), &d); err != nil {
		return d, fmt.Errorf("the header %s of the event: %w", headerDestination, err)
	}
	return d, nil
}

// Conclude completes the data of a job's event with what is known of the job.
func Conclude(j job.Job, data job.EventData) job.EventData {
	data.JobID, data.Metadata, data.Polls = j.ID, j.Metadata, j.Polls
	data.SubmittedAt, data.SettledAt = j.SubmittedAt.UTC(), time.Now().UTC()
	return data
}

// EventMessage is the message of a job's terminal event. The broker takes it
// only as the job's first, or in the place of the one that the job replaces;
// see [IsTaken].
func EventMessage(names Names, j job.Job, data job.EventData) (*nats.Msg, error) {
	msg, err := eventMessage(job.NewEvent(string(j.ID), data, j.Traceparent), names.Event(data.Status, j.ID), firstEvent(names, j))
	if err != nil {
		return nil, err
	}
	to := Destination{Bucket: j.Bucket, Prefix: j.Prefix}
	if data.Status == job.OutcomeCompleted || to == (Destination{}) {
		return msg, nil
	}
	header, err := json.Marshal(to)
	msg.Header.Set(headerDestination, string(header))
	return msg, err
}

// firstEvent is that no event of the job stands but the one to replace.
func firstEvent(names Names, j job.Job) expectation {
	return expectation{stream: names.Events(), filter: names.AnyEvent(j.ID), sequence: j.Replaces}
}

func eventMessage(event job.Event, subject string, expected expectation) (*nats.Msg, error) {
	body, err := event.Encode()
	if err != nil {
		return nil, err
	}
	msg := newMessage(subject, body, event.Traceparent)
	msg.Header.Set(headerContentType, job.ContentTypeCloudEvent)
	expected.set(msg)
	return msg, nil
}

// IsTaken reports whether the broker refused a message because another one
// stands where it was to be the first.
func IsTaken(err error) bool { return isAPIError(err, codeWrongSequence) }

// announce publishes a job's terminal event, or returns errTaken when it has
// one already that is not the one to replace. The one to replace goes when the
// new one stands.
func (b broker) announce(ctx context.Context, j job.Job, data job.EventData) error {
	err := b.tryAnnounce(ctx, j, data)
	if j.Replaces == 0 || err != nil && !errors.Is(err, errTaken) {
		return err
	}
	standing, lookErr := b.last(ctx, b.names.Events(), b.names.AnyEvent(j.ID))
	switch {
	case lookErr != nil:
		return lookErr
	case standing != nil:
		return errors.Join(err, b.supersede(ctx, j.ID, sequenceOf(standing)))
	case err != nil: // the one to replace has expired
		j.Replaces = 0
		return b.tryAnnounce(ctx, j, data)
	}
	return nil
}

// standsFirst returns nil if it is the event itself that stands where it was
// refused, from a try whose answer was lost, and errTaken otherwise.
func (b broker) standsFirst(ctx context.Context, j job.Job, data job.EventData) error {
	standing, err := b.last(ctx, b.names.Events(), b.names.AnyEvent(j.ID))
	if err != nil {
		return err
	}
	var event job.Event
	if standing == nil || json.Unmarshal(standing.Data, &event) != nil || !event.Data.SettledAt.Equal(data.SettledAt) {
		return errTaken
	}
	return nil
}

func (b broker) tryAnnounce(ctx context.Context, j job.Job, data job.EventData) error {
	msg, err := EventMessage(b.names, j, data)
	if err != nil {
		return err
	}
	return b.publish(ctx, msg, firstEvent(b.names, j))
}

// supersede deletes the events of a job that stand before the one of that
// sequence. If the owner of the stream forbids that, they stay until they
// expire.
func (b broker) supersede(ctx context.Context, id job.ID, sequence uint64) error {
	err := b.insist(ctx, "delete the replaced event of job "+string(id), func(ctx context.Context) error {
		err := Supersede(ctx, b.js, b.names, id, sequence)
		if isRefusal(err) {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		return err
	})
	if errors.Is(err, errRefused) {
		return nil
	}
	return err
}

// Supersede deletes the events of a job that stand before the one of that
// sequence.
func Supersede(ctx context.Context, js jetstream.JetStream, names Names, id job.ID, sequence uint64) error {
	stream, err := js.Stream(ctx, names.Events())
	if err != nil {
		return err
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject(names.AnyEvent(id)), jetstream.WithPurgeSequence(sequence))
}

// IsUndecided reports whether the broker refused a message because another
// publish to the same place is still under way: it may be tried again.
func IsUndecided(err error) bool { return isAPIError(err, codeSequenceUndecided) }
