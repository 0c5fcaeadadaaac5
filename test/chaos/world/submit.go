package world

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/jobferry/jobferry/test/chaos/plan"
)

const (
	// submitters bounds how many submissions wait for their PubAck at once.
	submitters = 32
	// submitPause is waited before a submission without a PubAck is sent again.
	submitPause = 200 * time.Millisecond
)

// publication is one time that a job is submitted.
type publication struct {
	at         time.Duration // since the start
	submission plan.Submission
	first      bool // of its job
}

// publications are all of a workload, in time.
func publications(workload []plan.Submission) []publication {
	var all []publication
	for _, s := range workload {
		for i, at := range s.At {
			all = append(all, publication{at: at, submission: s, first: i == 0})
		}
	}
	slices.SortStableFunc(all, func(a, b publication) int { return cmp.Compare(a.at, b.at) })
	return all
}

// submitter publishes a workload in its time, each submission until there is a
// PubAck. One that was stored but not acknowledged is thereby a duplicate.
type submitter struct {
	world *World
	done  atomic.Int64
	again atomic.Int64 // publishes without an answer

	mu           sync.Mutex
	acknowledged map[string]int // by job ID
}

// run returns when all is acknowledged, or the context ends.
func (s *submitter) run(ctx context.Context, began time.Time, workload []plan.Submission) error {
	var publishing sync.WaitGroup
	defer publishing.Wait()
	slots := make(chan struct{}, submitters)
	firsts := map[string]time.Time{} // when each job was published first
	for _, p := range publications(workload) {
		if !pause(ctx, time.Until(began.Add(p.at))) {
			break
		}
		if p.first {
			s.world.api.server.Add(p.submission.Job)
			firsts[p.submission.Job.ID] = time.Now()
		}
		body, err := p.submission.Body(firsts[p.submission.Job.ID])
		if err != nil {
			return err
		}
		slots <- struct{}{} // comes free when the context ends, too
		publishing.Go(func() {
			defer func() { <-slots }()
			s.publish(ctx, p.submission, body)
		})
	}
	return nil
}

func (s *submitter) publish(ctx context.Context, submission plan.Submission, body []byte) {
	id := submission.Job.ID
	var options []jetstream.PublishOpt
	if submission.WithID {
		options = append(options, jetstream.WithMsgID(id))
	}
	for ctx.Err() == nil {
		if s.world.cluster.publish(ctx, submission.Subject, body, options...) == nil {
			s.acknowledge(id)
			return
		}
		s.again.Add(1)
		pause(ctx, submitPause)
	}
}

func (s *submitter) acknowledge(id string) {
	s.done.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acknowledged[id]++
}

func (s *submitter) counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.acknowledged)
}
