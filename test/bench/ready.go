package main

import (
	"context"
	"time"

	"github.com/jobferry/jobferry/test/bench/figures"
	"github.com/jobferry/jobferry/test/bench/lab"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// ready is the start of a worker with everything up; its one job is to become
// ready.
type ready struct{}

func (ready) measure(ctx context.Context, r *runner, p program) (figures.Sample, error) {
	return r.inLab(ctx, servers.S3, func(on *lab.Lab) (figures.Sample, error) {
		sample := figures.Sample{Jobs: 1}
		address, err := lab.FreeAddress(ctx)
		if err != nil {
			return sample, err
		}
		began := time.Now()
		pods, err := r.spawn(on, p, 1, []string{"WORKER_HTTP_ADDR=" + address})
		if err != nil {
			return sample, err
		}
		if err := lab.Ready(ctx, address, pods[0]); err != nil {
			return sample, err
		}
		sample.Elapsed = time.Since(began)
		sample.Program, err = stop(pods)
		return sample, err
	})
}
