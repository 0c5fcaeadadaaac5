package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/natsconn"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// show is the samples on their way.
type show struct {
	api      *simulator.Server
	nc       *nats.Conn
	js       jetstream.JetStream
	subjects broker.Subjects
	events   jetstream.MessagesContext
	rows     []*row
	byID     map[job.ID]*row
	display  display
}

// row is one sample.
type row struct {
	sample    simulator.Sample
	submitted time.Time
	event     *job.Event // nil until it has settled
}

// newShow subscribes to the events before anything is submitted.
func newShow(ctx context.Context, s *stack, subjects broker.Subjects, out io.Writer) (*show, error) {
	nc, err := natsconn.ConnectOnce(ctx, s.cfg.NATS, "jobferry standalone", zap.NewNop())
	if err != nil {
		return nil, err
	}
	sh := &show{api: s.api, nc: nc, subjects: subjects, byID: map[job.ID]*row{}}
	if err := sh.subscribe(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	for _, sample := range simulator.Samples(runName()) {
		r := &row{sample: sample}
		sh.rows = append(sh.rows, r)
		sh.byID[job.ID(sample.Job.ID)] = r
	}
	sh.display = newDisplay(ctx, out, sh.rows, sh.progress)
	return sh, nil
}

// runName makes the samples of each run new jobs: the broker keeps the events
// of earlier ones.
func runName() string { return time.Now().Format("0102-150405") }

func (sh *show) subscribe(ctx context.Context) (err error) {
	if sh.js, err = jetstream.New(sh.nc); err != nil {
		return err
	}
	events, err := sh.js.OrderedConsumer(ctx, sh.subjects.Events(), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{sh.subjects.AllEvents()}, DeliverPolicy: jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return fmt.Errorf("follow the events: %w", err)
	}
	sh.events, err = events.Messages()
	return err
}

func (sh *show) close() {
	sh.events.Stop()
	sh.display.close()
	sh.nc.Close()
}

// submit makes each sample known to the simulated API and publishes it as a
// producer does.
func (sh *show) submit(ctx context.Context) error {
	for _, r := range sh.rows {
		sh.api.Add(r.sample.Job)
		sh.display.started(r, time.Now())
		submission := map[string]any{"jobID": r.sample.Job.ID, "metadata": map[string]string{"sample": r.sample.About}}
		if r.sample.Deadline > 0 {
			submission["deadline"] = r.submitted.Add(r.sample.Deadline)
		}
		body, err := json.Marshal(submission)
		if err != nil {
			return err
		}
		id := r.sample.Job.ID
		if _, err := sh.js.Publish(ctx, sh.subjects.SubmitJob(job.ID(id)), body, jetstream.WithMsgID(id)); err != nil {
			return fmt.Errorf("submit %s: %w", id, err)
		}
	}
	return nil
}

// follow shows events as they come, until every sample has one or ctx ends.
func (sh *show) follow(ctx context.Context) error {
	defer context.AfterFunc(ctx, sh.events.Stop)()
	for left := len(sh.rows); left > 0; {
		msg, err := sh.events.Next()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow the events: %w", err)
		}
		var event job.Event
		if err := json.Unmarshal(msg.Data(), &event); err != nil {
			return fmt.Errorf("read the event on %s: %w", msg.Subject(), err)
		}
		r := sh.byID[event.Data.JobID]
		if r == nil || r.event != nil {
			continue // somebody else's
		}
		left--
		sh.display.settled(r, event)
	}
	sh.display.close()
	return nil
}

// progress is how far a sample is, from 0 to 1, with a word for what happens:
// the first half is the API's work, the second the transfer.
func (sh *show) progress(r *row) (float64, string) {
	duration := min(max(r.sample.Job.Duration, time.Millisecond), max(r.sample.Deadline, 15*time.Second))
	waited := min(1, float64(time.Since(r.submitted))/float64(duration))
	record := sh.api.JobRecord(r.sample.Job.ID)
	var have, want int64
	for _, file := range record.Files {
		have += file.Bytes
	}
	for _, object := range r.sample.Want.Objects {
		want += object.Content.Size()
	}
	if have > 0 && want > 0 {
		return 0.5 + 0.5*min(1, float64(have)/float64(want)), "storing"
	}
	return 0.5 * waited, fmt.Sprintf("poll %d", len(record.Polls))
}

// wrong lists the samples that did not settle as they should.
func (sh *show) wrong() (problems []error) {
	for _, r := range sh.rows {
		have, want := r.event.Data, r.sample.Want
		if have.Status != want.Outcome || have.Reason != string(want.Reason) || have.Kind != want.Kind || len(have.Objects) != len(want.Objects) {
			problems = append(problems, fmt.Errorf("%s: %s, expected %s %s %s with %d objects",
				r.sample.Job.ID, describe(have), want.Outcome, want.Reason, want.Kind, len(want.Objects)))
		}
	}
	return problems
}
