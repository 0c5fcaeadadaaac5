package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
)

// errGivenUp is the cause of a poll that is ended so that others are not behind it.
var errGivenUp = errors.New("the job API answers other jobs faster, and as many polls hang as may")

// ask makes one poll. One that takes far longer than others do counts as one that
// hangs: it needs one of the slots of those, and its own is free for another job. It
// is given up if there is none.
func (w *Worker) ask(d *delivery, j *job.Job) (job.Answer, error) {
	if w.requests.Acquire(d.work, 1) != nil {
		return job.Answer{}, d.stopped()
	}
	ctx, cancel := context.WithCancelCause(d.work) // it governs the answer's payload too
	d.onRelease(func() { cancel(context.Canceled) })
	ctx, span := w.step(ctx, "poll job")
	began, stop := time.Now(), w.watchPoll(d, j, cancel)
	answer, err := w.api.Poll(ctx, j.ID)
	w.requests.Release(1)
	if stop() {
		_ = answer.Close()
		answer, err = job.Answer{}, fmt.Errorf("%w; %w", errGivenUp, limit.ErrNoSlot)
	}
	describePoll(span, answer, err)
	if d.work.Err() != nil {
		_ = answer.Close()
		return job.Answer{}, d.stopped()
	}
	if err == nil {
		w.latency.Observe(time.Since(began))
	}
	j.Polls++
	j.Hung = job.ClassOf(err) == job.ClassStalled || errors.Is(err, errGivenUp)
	return answer, err
}

// watchPoll looks at a poll that has begun when it is slow. stop ends that, and
// reports whether the poll was given up.
func (w *Worker) watchPoll(d *delivery, j *job.Job, giveUp context.CancelCauseFunc) (stop func() (givenUp bool)) {
	after, known := w.latency.Slow()
	if !known || j.Hung { // it has a slot of those that hang
		return func() bool { return false }
	}
	var mu sync.Mutex
	var ended, hangs, givenUp bool
	timer := time.AfterFunc(after, func() {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case ended:
		case w.hung.TryAcquire(1):
			hangs = true
			d.freeSlot()
		default:
			givenUp = true
			giveUp(errGivenUp)
		}
	})
	return func() bool {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		ended = true
		if hangs {
			w.hung.Release(1)
		}
		return givenUp
	}
}
