package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go/jetstream"
)

// unconfirmed is how many submissions may be under way to the broker at once.
const unconfirmed = 256

var (
	errInterrupted = errors.New("interrupted; what is not counted was not submitted")
	errUnconfirmed = errors.New("the broker did not confirm it; to submit it again does no harm")
)

// submitter publishes submissions and counts what becomes of them.
type submitter struct {
	client   *client
	form     submission
	errs     io.Writer
	progress *progress

	// Counted by the goroutine that confirms, and to be read when it has ended.
	sent, twice, failed int
	noStream            error // nothing can be submitted
}

// source yields the IDs to submit until they or the context end.
type source func(context.Context) iter.Seq[string]

// attempt is a submission on its way: err is set if it could not even be sent.
type attempt struct {
	id  string
	ack jetstream.PubAckFuture
	err error
}

// submit sends each ID. One that cannot be sent is reported, and the others
// are sent all the same; only when there is no stream to take them, or ctx
// ends, nothing more is sent.
func (s *submitter) submit(ctx context.Context, ids source) error {
	sending, halt := context.WithCancel(ctx)
	defer halt()
	attempts := make(chan attempt, unconfirmed)
	var confirming sync.WaitGroup
	confirming.Go(func() {
		for a := range attempts {
			s.confirm(a)
			if s.noStream != nil {
				halt()
			}
		}
	})
	complete := s.sendAll(sending, ids(sending), attempts)
	close(attempts)
	confirming.Wait()
	s.progress.clear()
	switch {
	case s.noStream != nil:
		return s.noStream
	case s.failed > 0:
		return fmt.Errorf("%s not submitted", jobs(s.failed))
	case !complete:
		return errInterrupted
	}
	return nil
}

// sendAll reports whether it came to the end of ids.
func (s *submitter) sendAll(ctx context.Context, ids iter.Seq[string], attempts chan<- attempt) bool {
	for id := range ids {
		if ctx.Err() != nil {
			return false
		}
		ack, err := s.send(id)
		attempts <- attempt{id: id, ack: ack, err: err}
	}
	return ctx.Err() == nil
}

func (s *submitter) send(id string) (jetstream.PubAckFuture, error) {
	body, err := s.form.encode(id)
	if err != nil {
		return nil, err
	}
	return s.client.js.PublishAsync(s.client.subjects.SubmitJob(job.ID(id)), body, jetstream.WithMsgID(id))
}

// confirm waits for the broker's word on one submission, which comes within
// confirmLimit.
func (s *submitter) confirm(a attempt) {
	if a.err != nil {
		s.report(a.id, a.err)
		return
	}
	select {
	case ack := <-a.ack.Ok():
		s.sent++
		if ack.Duplicate {
			s.twice++
		}
		s.progress.show(func() string { return jobs(s.sent) + " submitted" })
	case err := <-a.ack.Err():
		s.report(a.id, err)
	}
}

// report says what is wrong with one ID. That there is no stream is said once.
func (s *submitter) report(id string, err error) {
	s.failed++
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		s.noStream = missingStream(s.client.subjects.Jobs())
		return
	case s.noStream != nil:
		return
	case errors.Is(err, jetstream.ErrAsyncPublishTimeout):
		err = errUnconfirmed
	}
	s.progress.clear()
	fmt.Fprintf(s.errs, "%q: %v\n", id, err)
}

func (s *submitter) summary() string {
	text := "submitted " + jobs(s.sent-s.twice)
	switch {
	case s.twice == 1:
		text += ", 1 was already submitted"
	case s.twice > 1:
		text += fmt.Sprintf(", %d were already submitted", s.twice)
	}
	return text
}

func jobs(count int) string {
	if count == 1 {
		return "1 job"
	}
	return fmt.Sprintf("%d jobs", count)
}
