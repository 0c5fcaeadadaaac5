package world

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"syscall"
	"time"

	"github.com/jobferry/jobferry/test/chaos/plan"
)

// injector carries out a plan of faults and counts what was really done.
type injector struct {
	world *World
	nodes sync.Mutex // one node is down at a time, whatever recovery takes

	mu       sync.Mutex
	counts   map[plan.Kind]int
	problems []error
}

// run returns when the last fault is over, or the context ends.
func (in *injector) run(ctx context.Context, began time.Time, faults []plan.Fault) {
	var running sync.WaitGroup
	for i, f := range faults {
		if !pause(ctx, time.Until(began.Add(f.At))) {
			break
		}
		running.Go(func() {
			if in.inflict(ctx, f, fmt.Sprint("fault-", i)) {
				in.count(f.Kind)
			}
		})
	}
	running.Wait()
}

func (in *injector) count(kind plan.Kind) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.counts[kind]++
}

func (in *injector) counted() map[plan.Kind]int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return maps.Clone(in.counts)
}

// inflict does one fault from its beginning to its end, and reports whether it
// was done.
func (in *injector) inflict(ctx context.Context, f plan.Fault, name string) bool {
	switch f.Kind {
	case plan.WorkerKill:
		return in.world.workers.strike(ctx, f.Target, syscall.SIGKILL) != nil
	case plan.WorkerTerminate:
		in.world.workers.pages(ctx) // its last
		return in.world.workers.strike(ctx, f.Target, syscall.SIGTERM) != nil
	case plan.WorkerStop:
		return in.stopWorker(ctx, f)
	case plan.NodeKill, plan.LeaderKill:
		return in.killNode(ctx, f)
	case plan.RevokeTokens:
		in.world.api.server.RevokeTokens()
		return true
	case plan.ClockJump:
		in.world.api.clock.jump(time.Duration(f.Amount) * time.Second)
		return true
	default:
		return in.impair(ctx, f, name)
	}
}

func (in *injector) stopWorker(ctx context.Context, f plan.Fault) bool {
	w := in.world.workers.strike(ctx, f.Target, syscall.SIGSTOP)
	if w == nil {
		return false
	}
	defer w.resume()
	return pause(ctx, f.For)
}

// killNode kills a node and starts it again when it has been away for long
// enough. The next one waits until the streams are whole again: with two
// replicas of three behind, it would be the loss of a majority.
func (in *injector) killNode(ctx context.Context, f plan.Fault) bool {
	in.nodes.Lock()
	defer in.nodes.Unlock()
	cluster := in.world.cluster
	for cluster.whole(ctx) != nil {
		if ctx.Err() != nil {
			return false
		}
	}
	target := f.Target
	if f.Kind == plan.LeaderKill {
		var err error
		target, err = leading(ctx, func(ctx context.Context) int { return cluster.leader(ctx, f.Stream) })
		if err != nil {
			in.note(err)
			return false
		}
	}
	n := cluster.nodes[target%len(cluster.nodes)]
	n.kill()
	pause(ctx, f.For)
	in.note(n.restart(context.WithoutCancel(ctx)))
	return true
}

// leading asks which node leads until one does.
func leading(ctx context.Context, ask func(context.Context) int) (node int, err error) {
	err = until(ctx, "no node leads", func(ctx context.Context) bool {
		node = ask(ctx)
		return node >= 0
	})
	return node, err
}

// note keeps an error of the run's own.
func (in *injector) note(err error) {
	if err == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.problems = append(in.problems, err)
}
