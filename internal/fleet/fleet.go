// Package fleet reads what the broker holds of the jobs of all pods, and
// repairs it: it cancels a job, has it polled at once, or replays it. It asks the
// broker alone, so it works while workers run and while none does. It changes
// things in the same way as workers, so that the broker decides every race.
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
	js       jetstream.JetStream
	subjects broker.Subjects

	answerLimit time.Duration // of one answer of the broker
	searchLimit time.Duration // of a search among all submissions
	progress    Progress      // nil for none
}

// Progress is told of each message of a long reading: how many have been read,
// and how many are left. The reading waits for it.
type Progress func(read, left int)

// New returns a fleet that is read through js, which the caller owns.
func New(js jetstream.JetStream, subjects broker.Subjects) *Fleet {
	return &Fleet{js: js, subjects: subjects, answerLimit: answerLimit, searchLimit: searchLimit}
}

// WithProgress is the fleet that tells progress of its long readings.
func (f *Fleet) WithProgress(progress Progress) *Fleet {
	other := *f
	other.progress = progress
	return &other
}

// Count tells how many jobs are in which state; see [broker.ReadStats].
func (f *Fleet) Count(ctx context.Context) (broker.Stats, error) {
	return broker.ReadStats(ctx, f.js, f.subjects)
}

// Settled counts the events since a time, by outcome; every outcome has an
// entry. It is one question for each, whose cost to the broker grows with the
// number of events: about 0.1 s for a million.
func (f *Fleet) Settled(ctx context.Context, since time.Time) (map[job.Outcome]int, error) {
	counts := make(map[job.Outcome]int)
	for _, outcome := range job.Outcomes() {
		counts[outcome] = 0
		for msg, err := range f.page(ctx, f.subjects.Events(), 1, f.subjects.EventsOf(outcome), jetstreamext.GetBatchStartTime(since)) {
			if err != nil {
				return nil, err
			}
			counts[outcome] = 1 + numPending(msg.Header)
		}
	}
	return counts, nil
}

// Waiting returns some of the jobs that wait, the oldest timer first, a limit of them at most, however many there are.
func (f *Fleet) Waiting(ctx context.Context, limit int) ([]JobStatus, error) {
	jobs := make([]JobStatus, 0, limit)
	for msg, err := range f.page(ctx, f.subjects.Wait(), limit, f.subjects.AllWaits(), jetstreamext.GetBatchSeq(1)) {
		if err != nil {
			return nil, err
		}
		m, err := f.readTimer(msg)
		if err != nil {
			continue // a worker rejects it when it fires
		}
		jobs = append(jobs, JobStatus{State: Waiting, Job: m.job, Since: m.stored, Until: m.until, message: m})
	}
	return jobs, nil
}
