// Package fleet reads what the broker holds of the jobs of all pods, and
// repairs it: it cancels a job, has it polled at once, carries it once more. It
// asks the broker alone, so it works while workers run and while none does;
// what it changes it changes by the means that workers themselves use, so that
// the broker decides every race between them.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jobferry/jobferry/internal/consumer"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// batch is how many messages are asked for at once where all are read.
const batch = 500

// Fleet is the jobs of all pods as the broker holds them. It is safe for
// concurrent use, keeps nothing, and makes no request twice: a caller bounds
// each call by its context.
type Fleet struct {
	js    jetstream.JetStream
	names consumer.Names
}

// New returns a fleet that is read through js, which the caller owns.
func New(js jetstream.JetStream, names consumer.Names) *Fleet {
	return &Fleet{js: js, names: names}
}

// Count tells how many jobs are in which state; see [consumer.Count].
func (f *Fleet) Count(ctx context.Context) (consumer.Census, error) {
	return consumer.Count(ctx, f.js, f.names)
}

// Settled counts the events since a time, by outcome; every outcome has an
// entry. Its cost does not depend on how many there are.
func (f *Fleet) Settled(ctx context.Context, since time.Time) (map[job.Outcome]int, error) {
	counts := make(map[job.Outcome]int)
	for _, outcome := range job.Outcomes() {
		counts[outcome] = 0
		for msg, err := range f.page(ctx, f.names.Events(), 1, f.names.EventsOf(outcome), jetstreamext.GetBatchStartTime(since)) {
			if err != nil {
				return nil, err
			}
			counts[outcome] = 1 + behind(msg.Header)
		}
	}
	return counts, nil
}

// messages yields the messages of a stream under a subject, wildcards included,
// from a time on. The zero time means from the first on. It ends after an
// error.
func (f *Fleet) messages(ctx context.Context, stream, subject string, since time.Time) iter.Seq2[*jetstream.RawStreamMsg, error] {
	from := jetstreamext.GetBatchSeq(1)
	if !since.IsZero() {
		from = jetstreamext.GetBatchStartTime(since)
	}
	return func(yield func(*jetstream.RawStreamMsg, error) bool) {
		for more := true; more; {
			more = false
			for msg, err := range f.page(ctx, stream, batch, subject, from) {
				if !yield(msg, err) {
					return
				}
				if err == nil {
					from, more = jetstreamext.GetBatchSeq(msg.Sequence+1), behind(msg.Header) > 0
				}
			}
		}
	}
}

// page yields so many messages, or fewer at the end of the stream. It ends after
// an error.
func (f *Fleet) page(ctx context.Context, stream string, size int, subject string, from jetstreamext.GetBatchOpt) iter.Seq2[*jetstream.RawStreamMsg, error] {
	return func(yield func(*jetstream.RawStreamMsg, error) bool) {
		msgs, err := jetstreamext.GetBatch(ctx, f.js, stream, size, jetstreamext.GetBatchSubject(subject), from)
		if err != nil {
			yield(nil, unreadable(stream, err))
			return
		}
		for msg, err := range msgs {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				return
			}
			if err != nil {
				err = unreadable(stream, err)
			}
			if !yield(msg, err) {
				return
			}
		}
	}
}

// unreadable explains why a stream could not be read.
func unreadable(stream string, err error) error {
	if errors.Is(err, nats.ErrNoResponders) {
		err = fmt.Errorf("it does not exist (run `worker setup`) or does not allow direct get (enable allow_direct on it): %w", err)
	}
	return fmt.Errorf("read stream %s: %w", stream, err)
}

// Waiting returns some of the jobs that wait, the one that was armed first
// first; a limit of them at most, however many there are.
func (f *Fleet) Waiting(ctx context.Context, limit int) ([]Whereabouts, error) {
	jobs := make([]Whereabouts, 0, limit)
	for msg, err := range f.page(ctx, f.names.Wait(), limit, f.names.AllWaits(), jetstreamext.GetBatchSeq(1)) {
		if err != nil {
			return nil, err
		}
		c, err := f.readTimer(msg)
		if err != nil {
			continue // a worker rejects it when it fires
		}
		jobs = append(jobs, Whereabouts{State: Waiting, Job: c.job, Since: c.stored, Until: c.until, carrier: c})
	}
	return jobs, nil
}
