package world

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// drainLimit is more than the worker's own WORKER_DRAIN_TIMEOUT.
const drainLimit = time.Minute

// workers are the places in which workers run.
type workers struct {
	all      []*worker
	dir      string
	keepers  errgroup.Group
	retire   context.CancelFunc
	scraping sync.Mutex
}

// hookIndex is the place of the worker that only sets up.
const hookIndex = -1

// setUp makes the streams, as a chart's hook does.
func setUp(ctx context.Context, binary, dir string, env []string) error {
	hook, err := newWorker(hookIndex, binary, dir, env)
	if err != nil {
		return err
	}
	defer hook.log.Close()
	p, err := spawn(binary, []string{"setup"}, env, hook.log)
	if err != nil {
		return err
	}
	defer p.kill()
	select {
	case <-p.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if status := p.status.Load(); status != 0 {
		return fmt.Errorf("worker setup ended with status %d, see %s", status, hook.log.Name())
	}
	return nil
}

// startWorkers starts them and returns when each has said where it serves.
func startWorkers(ctx context.Context, count int, binary, dir string, env []string) (*workers, error) {
	keeping, retire := context.WithCancel(context.WithoutCancel(ctx)) // close ends them
	ws := &workers{dir: dir, retire: retire}
	for i := range count {
		w, err := newWorker(i, binary, dir, slices.Concat(env, ownEnvironment(i, dir)))
		if err != nil {
			return ws, err
		}
		ws.all = append(ws.all, w)
		ws.keepers.Go(func() error { return w.keep(keeping) })
	}
	return ws, until(ctx, "the workers do not start", func(context.Context) bool {
		for _, w := range ws.all {
			if w.address() == "" {
				return false
			}
		}
		return true
	})
}

// ownEnvironment is what the workers of a place have for themselves: those of
// the first one log all there is, so that a secret in it is found too.
func ownEnvironment(index int, dir string) []string {
	level := "info"
	if index == 0 {
		level = "debug"
	}
	return []string{"HOME=" + filepath.Join(dir, "home"), "WORKER_LOG_LEVEL=" + level}
}

// strike sends a signal to the worker of an index or, when that does not run
// or is stopped, to the next one that does. It returns nil when there is none
// before the context ends.
func (ws *workers) strike(ctx context.Context, index int, s syscall.Signal) *worker {
	for {
		for i := range ws.all {
			if w := ws.all[(index+i)%len(ws.all)]; w.signal(s) {
				return w
			}
		}
		if !pause(ctx, lookEvery) {
			return nil
		}
	}
}

// end has the workers drain, all at once, and starts no other ones.
func (ws *workers) end() []error {
	ws.retire()
	problems := make([]error, len(ws.all)+1)
	problems[len(ws.all)] = ws.keepers.Wait()
	var ending sync.WaitGroup
	for i, w := range ws.all {
		ending.Go(func() { problems[i] = w.end(drainLimit) })
	}
	ending.Wait()
	return slices.DeleteFunc(problems, func(err error) bool { return err == nil })
}

// close ends whatever still runs, at once.
func (ws *workers) close() error {
	ws.retire()
	problems := []error{ws.keepers.Wait()}
	for _, w := range ws.all {
		w.kill()
		problems = append(problems, w.log.Close())
	}
	return errors.Join(problems...)
}

// lives are how often a worker was started, and how each process ended.
func (ws *workers) lives() (starts int, ends []End) {
	for _, w := range ws.all {
		w.mu.Lock()
		starts += w.starts
		ends = append(ends, w.ends...)
		w.mu.Unlock()
	}
	return starts, ends
}
