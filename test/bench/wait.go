package main

import (
	"context"
	"errors"
	"time"

	"github.com/jobferry/jobferry/test/bench/figures"
	"github.com/jobferry/jobferry/test/bench/lab"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// trickle is jobs that come one after the other to a program that has nothing
// else to do. Its latency is from submission to event.
type trickle struct {
	batch    servers.Batch
	interval time.Duration
}

func (t trickle) measure(ctx context.Context, r *runner, p program) (figures.Sample, error) {
	return r.inLab(ctx, servers.S3, func(on *lab.Lab) (figures.Sample, error) {
		return r.attended(ctx, on, p, t.batch.Count, "completed", func() (func(string) time.Time, error) {
			if err := on.Add(t.batch); err != nil {
				return nil, err
			}
			at, err := on.SubmitPaced(ctx, t.batch, t.interval)
			return func(id string) time.Time { return at[id] }, err
		})
	})
}

// long is jobs that all take their time. Its latency is from when a job is
// ready to its event.
type long struct {
	batch servers.Batch
}

func (l long) measure(ctx context.Context, r *runner, p program) (figures.Sample, error) {
	return r.inLab(ctx, servers.Discard, func(on *lab.Lab) (figures.Sample, error) {
		return r.attended(ctx, on, p, l.batch.Count, "completed", func() (func(string) time.Time, error) {
			if err := on.Add(l.batch); err != nil {
				return nil, err
			}
			ready := time.Now().Add(l.batch.Duration) // of the last one to be added
			return func(string) time.Time { return ready }, on.Submit(ctx, l.batch)
		})
	})
}

// armed is timers that the broker holds, of which only some fire. Its latency
// is from when such a timer was to fire to the job's event, one poll later.
type armed struct {
	idle   servers.Batch // due in a day
	firing servers.Batch
	spread time.Duration // over which they fire
}

// idleFor is when the idle ones are due: never in a run.
const idleFor = 24 * time.Hour

// armedLead is how long before the first timer is due the last is armed.
const armedLead = 5 * time.Second

func (a armed) measure(ctx context.Context, r *runner, p program) (figures.Sample, error) {
	return r.inLab(ctx, servers.Discard, func(on *lab.Lab) (figures.Sample, error) {
		idle := time.Now().Add(idleFor)
		if err := on.Arm(ctx, a.idle, func(int) time.Time { return idle }); err != nil {
			return figures.Sample{}, err
		}
		return r.attended(ctx, on, p, a.firing.Count, "canceled", func() (func(string) time.Time, error) {
			due := make(map[string]time.Time, a.firing.Count)
			step, first := a.spread/time.Duration(a.firing.Count), time.Now().Add(armedLead)
			for i := range a.firing.Count {
				due[a.firing.ID(i)] = first.Add(time.Duration(i) * step)
			}
			at := func(i int) time.Time { return due[a.firing.ID(i)] }
			return func(id string) time.Time { return due[id] }, errors.Join(on.Add(a.firing), on.Arm(ctx, a.firing, at))
		})
	})
}

// attended has a program that is up do the jobs that submit brings,
// and takes the latency of each from the time that submit returns for it.
func (r *runner) attended(
	ctx context.Context, on *lab.Lab, p program, count int, outcome string,
	submit func() (since func(id string) time.Time, err error),
) (figures.Sample, error) {
	sample := figures.Sample{Jobs: count}
	pods, err := r.spawn(on, p, 1, nil)
	if err != nil {
		return sample, err
	}
	if err := warmUp(ctx, on, pods); err != nil {
		return sample, err
	}
	watch, err := on.Watch(count)
	if err != nil {
		return sample, err
	}
	began := time.Now()
	since, err := submit()
	if err != nil {
		return sample, err
	}
	seen, err := watch.All(ctx, outcome, count, pods...)
	if err != nil {
		return sample, err
	}
	sample.Elapsed = last(seen).Sub(began)
	sample.P50, sample.P99 = latencies(seen, since)
	sample.Program, err = stop(pods)
	return sample, err
}

// warmUp waits until a program has done a first job: it is up then.
func warmUp(ctx context.Context, on *lab.Lab, pods []*lab.Process) error {
	first := servers.Batch{Prefix: "first", Count: 1, Size: kib}
	watch, err := on.Watch(first.Count)
	if err != nil {
		return err
	}
	if err := errors.Join(on.Add(first), on.Submit(ctx, first)); err != nil {
		return err
	}
	_, err = watch.All(ctx, "completed", first.Count, pods...)
	return err
}

func latencies(seen map[string]time.Time, since func(string) time.Time) (p50, p99 time.Duration) {
	all := make([]time.Duration, 0, len(seen))
	for id, at := range seen {
		all = append(all, at.Sub(since(id)))
	}
	return figures.Percentile(all, 50), figures.Percentile(all, 99)
}
