package world

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// restartPause is waited before a worker that has ended is started again.
const restartPause = 50 * time.Millisecond

// worker is one place in which a worker runs; another one follows each that
// ends.
type worker struct {
	index  int
	binary string
	args   []string
	env    []string
	log    *os.File

	mu      sync.Mutex
	process *process
	http    string // host:port of the process; empty before it has said so
	stopped bool
	// What was sent to the process, and whether its end is among the ends.
	killed, noted bool
	terminates    int
	starts        int
	ends          []End
}

// End is how a process of a worker ended, and what was sent to it before.
type End struct {
	Worker     int            // its place
	Status     int            // its exit status; -1 when a signal ended it
	Signal     syscall.Signal // the one that ended it; 0 for none
	Killed     bool
	Terminates int // SIGTERMs
}

func newWorker(index int, binary, dir string, env []string) (*worker, error) {
	file, err := os.OpenFile(logFile(dir, index), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of worker %d: %w", index, err)
	}
	return &worker{index: index, binary: binary, args: []string{"run"}, env: env, log: file}, nil
}

func logFile(dir string, index int) string {
	return filepath.Join(dir, fmt.Sprintf("worker-%d.log", index))
}

// keep runs workers, one after the other, until the context ends; the last one
// goes on.
func (w *worker) keep(ctx context.Context) error {
	for ctx.Err() == nil {
		p, err := w.start()
		if err != nil {
			return err
		}
		select {
		case <-p.ended:
			w.note(p)
			pause(ctx, restartPause)
		case <-ctx.Done():
		}
	}
	return nil
}

func (w *worker) start() (*process, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.http, w.stopped, w.killed, w.noted, w.terminates = "", false, false, false, 0
	w.starts++
	var err error
	w.process, err = spawn(w.binary, w.args, w.env, &announcement{worker: w})
	return w.process, err
}

// note keeps how the process has ended, once.
func (w *worker) note(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.noted {
		return
	}
	w.noted = true
	w.ends = append(w.ends, End{
		Worker: w.index, Status: int(p.status.Load()), Signal: p.fatal(), Killed: w.killed, Terminates: w.terminates,
	})
}

// signal sends a signal to the process if it runs and is not stopped, and
// reports whether it did.
func (w *worker) signal(s syscall.Signal) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process == nil || !w.process.running() || w.stopped {
		return false
	}
	switch s {
	case syscall.SIGSTOP:
		w.stopped = true
	case syscall.SIGKILL:
		w.killed = true
	case syscall.SIGTERM:
		w.terminates++
	default:
	}
	w.process.signal(s)
	return true
}

// resume continues a stopped worker.
func (w *worker) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		w.process.signal(syscall.SIGCONT)
		w.stopped = false
	}
}

// end waits until the process has drained after a SIGTERM; one that does not
// end is killed, and that is an error.
func (w *worker) end(patience time.Duration) error {
	w.resume()
	w.signal(syscall.SIGTERM)
	p := w.current()
	if p == nil {
		return nil
	}
	select {
	case <-p.ended:
		w.note(p)
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("worker %d did not end within %v of its SIGTERM", w.index, patience)
	}
}

// kill ends the process whatever it does.
func (w *worker) kill() {
	if p := w.current(); p != nil {
		p.kill()
	}
}

func (w *worker) current() *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.process
}

// address is where the process serves its metrics; empty when it has not said.
func (w *worker) address() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.process == nil || !w.process.running() {
		return ""
	}
	return w.http
}

// announcement writes a process's output to the log of its place, and reads
// from it where the process serves.
type announcement struct {
	worker *worker
	head   []byte
	found  bool
}

// maxHead is how much of a process's output is searched for its address.
const maxHead = 64 << 10

func (a *announcement) Write(p []byte) (int, error) {
	if !a.found && len(a.head) < maxHead {
		a.head = append(a.head, p...)
		a.search()
	}
	return a.worker.log.Write(p)
}

func (a *announcement) search() {
	_, rest, ok := bytes.Cut(a.head, []byte(`"http":"`))
	address, _, whole := bytes.Cut(rest, []byte(`"`))
	if !ok || !whole {
		return
	}
	a.found, a.head = true, nil
	a.worker.mu.Lock()
	defer a.worker.mu.Unlock()
	a.worker.http = string(address)
}
