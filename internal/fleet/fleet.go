// Package fleet reads what the broker holds of the jobs of all pods, and
// repairs it: it cancels a job, has it polled at once, carries it once more. It
// asks the broker alone, so it works while workers run and while none does;
// what it changes it changes by the means that workers themselves use, so that
// the broker decides every race between them.
package fleet

import (
	"context"
	"time"

	"github.com/jobferry/jobferry/internal/broker"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// Fleet is the jobs of all pods as the broker holds them. It is safe for
// concurrent use, keeps nothing, and makes no request twice. Each request is
// bounded by itself; a caller bounds all of a call by its context.
type Fleet struct {
	js    jetstream.JetStream
	names broker.Subjects

	answerLimit time.Duration // of one answer of the broker
	searchLimit time.Duration // of a search among all submissions
	progress    Progress      // nil for none
}

// Progress is told of each message of a long reading: how many have been read,
// and how many are left. The reading waits for it.
type Progress func(read, left int)

// New returns a fleet that is read through js, which the caller owns.
func New(js jetstream.JetStream, names broker.Subjects) *Fleet {
	return &Fleet{js: js, names: names, answerLimit: answerLimit, searchLimit: searchLimit}
}

// Telling is the fleet, telling of its long readings.
func (f *Fleet) Telling(progress Progress) *Fleet {
	other := *f
	other.progress = progress
	return &other
}

// Count tells how many jobs are in which state; see [broker.ReadStats].
func (f *Fleet) Count(ctx context.Context) (broker.Stats, error) {
	return broker.ReadStats(ctx, f.js, f.names)
}

// Settled counts the events since a time, by outcome; every outcome has an
// entry. It is one question for each, whose cost to the broker grows with the
// number of events: about 0.1 s for a million.
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
