package test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a running worker.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *output
	exit chan struct{}
}

// output collects what a process prints, and can be read while it does.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// command prepares the worker's binary with the world's settings. Nothing of
// the test's own environment reaches it.
func (w *world) command(binary string, env map[string]string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), binary, args...)
	cmd.Env = []string{"HOME=" + w.t.TempDir()}
	for _, vars := range []map[string]string{w.env, env} {
		for name, value := range vars {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// start runs a worker until the test ends, with settings beyond the world's.
func (w *world) start(env map[string]string) *process { return w.startBinary(worker, env) }

func (w *world) startBinary(binary string, env map[string]string) *process {
	return w.launch(binary, env, "run")
}

// launch runs a command of the worker until the test ends, if it does not end
// by itself.
func (w *world) launch(binary string, env map[string]string, args ...string) *process {
	w.t.Helper()
	p := &process{t: w.t, cmd: w.command(binary, env, args...), out: &output{}, exit: make(chan struct{})}
	p.run()
	return p
}

// run starts the process, until the test ends.
func (p *process) run() {
	p.t.Helper()
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	require.NoError(p.t, p.cmd.Start())
	go func() {
		defer close(p.exit)
		_ = p.cmd.Wait()
	}()
	p.t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.exit
		if p.t.Failed() {
			p.t.Logf("%s (%d) printed:\n%s", filepath.Base(p.cmd.Path), p.cmd.Process.Pid, p.out)
		}
		require.NotContains(p.t, p.out.String(), "DATA RACE")
	})
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// status waits for the end of the process and returns its exit status.
func (p *process) status() int {
	p.t.Helper()
	select {
	case <-p.exit:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		require.FailNow(p.t, "the worker does not end")
		return -1
	}
}

// url waits until the worker has said where its HTTP server is.
func (p *process) url() string {
	p.t.Helper()
	var addr string
	require.Eventually(p.t, func() bool {
		for line := range bytes.Lines([]byte(p.out.String())) {
			var entry struct{ HTTP string }
			if json.Unmarshal(line, &entry) == nil && entry.HTTP != "" {
				addr = entry.HTTP
				return true
			}
		}
		return false
	}, patience, 5*time.Millisecond, "the worker does not say where it serves")
	return "http://" + addr
}

// ready waits until the worker says so.
func (p *process) ready() {
	p.t.Helper()
	p.answers(http.StatusOK, "the worker is not ready")
}

// unready waits until the worker says that it is not ready.
func (p *process) unready() {
	p.t.Helper()
	p.answers(http.StatusServiceUnavailable, "the worker is ready all the time")
}

func (p *process) answers(want int, otherwise string) {
	p.t.Helper()
	url := p.url()
	require.Eventually(p.t, func() bool {
		status, _ := get(p.t, url+"/readyz")
		return status == want
	}, patience, 10*time.Millisecond, otherwise)
}

// run runs a command of the worker to its end.
func (w *world) run(stdin string, args ...string) (status int, stdout, stderr string) {
	w.t.Helper()
	if len(args) > 0 && (args[0] == "submit" || args[0] == "replay") {
		w.listen()
	}
	var out, errs bytes.Buffer
	cmd := w.command(worker, nil, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewBufferString(stdin), &out, &errs
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// isolate is for tests that need no world at all.
func isolate(t *testing.T) *world { return &world{t: t} }
