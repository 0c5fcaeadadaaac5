package world

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jobferry/jobferry/test/chaos/plan"
)

const (
	// sayEvery is the time between two lines about the progress.
	sayEvery = 5 * time.Second
	// patience is how long a run waits for jobs of which nothing moves.
	patience = 5 * time.Minute
)

// Run tells the scenario: it submits, breaks, heals, waits until all is settled
// and stops the workers. The evidence is good also with an error, as far as it
// goes.
func (w *World) Run(ctx context.Context, scenario Scenario) (Evidence, error) {
	r := &run{
		world: w, scenario: scenario, began: time.Now(),
		submitter: &submitter{world: w, acknowledged: map[string]int{}},
		injector:  &injector{world: w, counts: map[plan.Kind]int{}},
	}
	stop := r.observe(ctx)
	err := r.play(ctx)
	stop()
	if err != nil {
		return Evidence{}, err
	}
	return r.evidence(ctx)
}

// run is one scenario as it is told.
type run struct {
	world     *World
	scenario  Scenario
	began     time.Time
	submitter *submitter
	injector  *injector
	lastSaid  time.Time
}

// observe watches from the side until it is stopped.
func (r *run) observe(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var observing sync.WaitGroup
	observing.Go(func() { r.world.workers.scrape(ctx) })
	return func() {
		cancel()
		observing.Wait()
	}
}

// play submits and breaks at once, and then waits in peace.
func (r *run) play(ctx context.Context) error {
	var playing sync.WaitGroup
	playing.Go(func() { r.injector.note(r.submitter.run(ctx, r.began, r.scenario.Workload)) })
	playing.Go(func() { r.injector.run(ctx, r.began, r.scenario.Faults) })
	over := make(chan struct{})
	go func() {
		playing.Wait()
		close(over)
	}()
	r.follow(ctx, over)
	<-over
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, _ = fmt.Fprintf(r.scenario.Progress, "%s all is submitted and all is healed: waiting for the rest\n", r.elapsed())
	r.injector.note(r.world.cluster.whole(ctx))
	return r.world.settle(ctx, len(r.scenario.Workload), patience, r.say)
}

// follow tells the progress until the channel is closed.
func (r *run) follow(ctx context.Context, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(sayEvery):
			if p, err := r.world.progress(ctx); err == nil {
				r.say(p)
			}
		}
	}
}

func (r *run) elapsed() string { return time.Since(r.began).Round(time.Second).String() }

// say tells the progress, not too often.
func (r *run) say(p Progress) {
	if time.Since(r.lastSaid) < sayEvery {
		return
	}
	r.lastSaid = time.Now()
	counts := r.injector.counted()
	_, _ = fmt.Fprintf(r.scenario.Progress, "%s %d of %d jobs settled, %d publishes acknowledged, %d messages wait; %d worker kills, %d node kills\n",
		r.elapsed(), p.Events, len(r.scenario.Workload), r.submitter.done.Load(), p.Left, counts[plan.WorkerKill], counts[plan.NodeKill]+counts[plan.LeaderKill])
}

// evidence ends the workers and looks at what they leave.
func (r *run) evidence(ctx context.Context) (Evidence, error) {
	r.world.workers.pages(ctx)
	ended := r.world.workers.end()
	sightings, err := r.world.store.frontend.witness.all(ctx)
	r.injector.note(err)
	e := Evidence{
		Acknowledged: r.submitter.counts(), Sightings: sightings,
		Done: r.injector.counted(), Problems: append(r.injector.problems, ended...), Took: time.Since(r.began),
	}
	e.Starts, e.Ends = r.world.workers.lives()
	return e, r.world.collect(ctx, &e)
}
