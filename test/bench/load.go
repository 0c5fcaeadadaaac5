package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jobferry/jobferry/test/bench/figures"
	"github.com/jobferry/jobferry/test/bench/lab"
	"github.com/jobferry/jobferry/test/bench/profile"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// runLimit bounds one run, so that a program that hangs does not hang all.
const runLimit = 30 * time.Minute

// load is jobs that are all submitted, and ready, before the program starts.
// The clock runs from its start to the last event.
type load struct {
	batch servers.Batch
	store string
	pods  int      // programs at work at once; 1 when 0
	env   []string // settings of each
	check bool     // compare what is stored with what was sent
}

func (l load) measure(ctx context.Context, r *runner, p program) (figures.Sample, error) {
	return r.inLab(ctx, l.store, func(on *lab.Lab) (figures.Sample, error) {
		sample := figures.Sample{Jobs: l.batch.Count, Bytes: int64(l.batch.Count) * l.batch.ResultSize()}
		if err := errors.Join(on.Add(l.batch), on.Submit(ctx, l.batch)); err != nil {
			return sample, err
		}
		watch, err := on.Watch(l.batch.Count)
		if err != nil {
			return sample, err
		}
		began := time.Now()
		pods, err := r.spawn(on, p, max(l.pods, 1), l.env)
		if err != nil {
			return sample, err
		}
		seen, err := watch.All(ctx, "completed", l.batch.Count, pods...)
		if err != nil {
			return sample, err
		}
		sample.Elapsed = last(seen).Sub(began)
		sample.Program, err = stop(pods)
		if l.check {
			err = errors.Join(err, l.compare(ctx, on))
		}
		return sample, err
	})
}

// compare holds the stored payloads against what the API sent.
func (l load) compare(ctx context.Context, on *lab.Lab) error {
	for i := range l.batch.Count {
		if err := on.CheckStored(ctx, l.batch.ID(i)+"/result.json", l.batch.Result(i)); err != nil {
			return err
		}
	}
	return nil
}

// inLab gives work servers of its own, and adds what they have used.
func (r *runner) inLab(ctx context.Context, store string, work func(*lab.Lab) (figures.Sample, error)) (figures.Sample, error) {
	on, err := lab.Open(ctx, lab.Options{
		Self: r.self, Dir: r.dir, Store: cmp.Or(r.store, store), AtOnce: r.atOnce, Setup: r.programs.setup,
	})
	if err != nil {
		return figures.Sample{}, err
	}
	sample, err := work(on)
	used, closing := on.Close()
	sample.Servers = used
	return sample, errors.Join(err, closing)
}

// spawn starts a program as many times as there are pods.
func (r *runner) spawn(on *lab.Lab, p program, pods int, env []string) ([]*lab.Process, error) {
	if r.profile != "" {
		env = append(slices.Clip(env), profile.Dir+"="+r.profile)
	}
	list := make([]*lab.Process, 0, pods)
	for range pods {
		process, err := on.Spawn(p.binary, env, p.args...)
		if err != nil {
			return list, err
		}
		list = append(list, process)
	}
	return list, nil
}

// stop ends the pods. Of several, the CPU is the sum and the memory the most
// that any had.
func stop(pods []*lab.Process) (figures.Usage, error) {
	var all figures.Usage
	var problems []error
	for _, pod := range pods {
		used, err := pod.Stop()
		all.CPU += used.CPU
		all.RSS = max(all.RSS, used.RSS)
		problems = append(problems, err)
	}
	return all, errors.Join(problems...)
}

func last(seen map[string]time.Time) time.Time {
	var latest time.Time
	for _, at := range seen {
		if at.After(latest) {
			latest = at
		}
	}
	return latest
}
