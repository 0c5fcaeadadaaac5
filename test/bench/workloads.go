package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/test/bench/figures"
	"github.com/jobferry/jobferry/test/bench/servers"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// workload is one row of the table.
type workload struct {
	name, title string
	pods        int  // 0 where they are not counted
	baseline    bool // the baseline can do it too
	reaches     []figures.Reach
	scenario
}

// scenario is how a workload is run, once, by one program.
type scenario interface {
	measure(ctx context.Context, r *runner, p program) (figures.Sample, error)
}

func (w workload) row() figures.Row {
	return figures.Row{Workload: w.name, Title: w.title, Pods: w.pods, Reaches: w.reaches}
}

// workloads are all there are, in the order of the table.
func workloads(s *settings) []workload {
	list := []workload{
		small(s, "small-2k", 2*kib, servers.S3), small(s, "small-100k", 100*kib, servers.S3),
		known(s, "known-4m", 4*mib, 2048), known(s, "known-64m", 64*mib, 128), known(s, "known-2g", 2*gib, 16),
		unknown(s, "chunked-4m", 4*mib, 1024), unknown(s, "chunked-64m", 64*mib, 64), unknown(s, "chunked-2g", 2*gib, 16),
		payload(s), latency(s), sixtySeconds(s), million(s),
	}
	for _, pods := range []int{1, 2, 4, 8} {
		list = append(list, slowAPI(s, pods))
	}
	return append(list, workload{
		name: "ready", title: "start to ready, with everything up", scenario: ready{},
		reaches: []figures.Reach{figures.MedianAtMost("start to ready", figures.Elapsed(), 0.150, figures.Seconds)},
	})
}

// inTurn is a reach that says something only where a program has the machine for
// itself.
func (s *settings) inTurn(reach figures.Reach) []figures.Reach {
	if s.together {
		return nil
	}
	return []figures.Reach{reach}
}

// small is a backlog of small files.
func small(s *settings, name string, size int64, store string) workload {
	count := s.count(10_000)
	return workload{
		name: name, title: fmt.Sprintf("%d files of %d KiB", count, size/kib), baseline: true,
		scenario: load{batch: servers.Batch{Prefix: name, Count: count, Size: size}, store: store},
		reaches: append(s.inTurn(figures.RatioAtLeast("jobs/s", figures.JobsRate(), 0.9)),
			figures.RatioAtMost("CPU a job", figures.CPU(), 1.15)),
	}
}

// known is a backlog of files of known length. They go to a store that
// discards them: a disk would be what is measured.
func known(s *settings, name string, size int64, count int) workload {
	w := large(s, name, size, count)
	w.baseline = true
	w.reaches = append(s.inTurn(figures.RatioAtLeast("bytes/s", figures.BytesRate(), 0.95)),
		figures.WorstAtMost("peak memory", figures.Memory(), 48*mib, figures.Mebibytes))
	return w
}

// unknown is the same without a length. There is no baseline: a single
// PutObject needs one.
func unknown(s *settings, name string, size int64, count int) workload {
	w := large(s, name, size, count)
	w.title += " of unknown length"
	w.scenario = load{batch: servers.Batch{Prefix: name, Count: s.count(count), Size: size, Chunked: true}, store: servers.Discard}
	w.reaches = []figures.Reach{figures.WorstAtMost("peak memory", figures.Memory(), 128*mib, figures.Mebibytes)}
	return w
}

func large(s *settings, name string, size int64, count int) workload {
	count = s.count(count)
	return workload{
		name: name, title: fmt.Sprintf("%d files of %s", count, inWords(size)),
		scenario: load{batch: servers.Batch{Prefix: name, Count: count, Size: size}, store: servers.Discard},
	}
}

func inWords(size int64) string {
	if size%gib == 0 {
		return fmt.Sprintf("%d GiB", size/gib)
	}
	return fmt.Sprintf("%d MiB", size/mib)
}

func payload(s *settings) workload {
	size := int64(200_000_000 * min(s.scale, 1))
	return workload{
		name: "json", title: fmt.Sprintf("one result of %.0f MB of JSON, compared with what was sent", float64(size)/1e6),
		scenario: load{batch: servers.Batch{Prefix: "json", Count: 1, JSON: size}, store: servers.S3, check: true},
		reaches:  []figures.Reach{figures.WorstAtMost("peak memory", figures.Memory(), 48*mib, figures.Mebibytes)},
	}
}

func latency(s *settings) workload {
	count, interval := s.count(1000), 20*time.Millisecond
	return workload{
		name: "latency", title: fmt.Sprintf("%d files of 2 KiB, one every %v: submission to event", count, interval), baseline: true,
		scenario: trickle{servers.Batch{Prefix: "latency", Count: count, Size: 2 * kib}, interval},
	}
}

// pollingInterval is the worker's own WORKER_BACKOFF_MAX.
const pollingInterval = 30 * time.Second

func sixtySeconds(s *settings) workload {
	count := s.count(100_000)
	return workload{
		name: "wait-60s", title: fmt.Sprintf("%d jobs that all take 60 s, one pod: ready to event", count),
		scenario: long{servers.Batch{Prefix: "long", Count: count, Size: 2 * kib, Duration: time.Minute}},
		reaches: []figures.Reach{
			figures.WorstAtMost("p99", figures.P99(), (pollingInterval + 2*time.Second).Seconds(), figures.Seconds),
			figures.WorstAtMost("peak memory", figures.Memory(), 64*mib, figures.Mebibytes),
		},
	}
}

func million(s *settings) workload {
	idle, firing := s.count(1_000_000), s.count(10_000)
	spread := time.Duration(float64(time.Minute) * min(s.scale, 1)) // the same number a second at every scale
	return workload{
		name: "armed", title: fmt.Sprintf("%d jobs armed, %d more due within %v: due to event", idle, firing, spread),
		scenario: armed{
			idle:   servers.Batch{Prefix: "idle", Count: idle},
			firing: servers.Batch{Prefix: "firing", Count: firing, Canceled: true}, spread: spread,
		},
		reaches: []figures.Reach{figures.WorstAtMost("peak memory", figures.Memory(), 64*mib, figures.Mebibytes)},
	}
}

// slowAPI is pods with so small limits that the API's time, not the machine's,
// bounds each of them.
func slowAPI(s *settings, pods int) workload {
	const onePod = "pods-1"
	count := s.count(600 * pods)
	w := workload{
		name: fmt.Sprintf("pods-%d", pods), title: fmt.Sprintf("%d jobs, the API answers after 50 ms, %d pods of 4 polls", count, pods),
		pods: pods,
		scenario: load{
			batch: servers.Batch{Prefix: "pods", Count: count, Size: 2 * kib, Delay: 50 * time.Millisecond},
			store: servers.Discard, pods: pods, env: []string{"WORKER_POLLS=4", "WORKER_TRANSFERS=4"},
		},
	}
	if pods > 1 {
		w.reaches = []figures.Reach{figures.Linear(onePod, 0.95)}
	}
	return w
}
