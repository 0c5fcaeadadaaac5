package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// example is a producer and a subscriber, as commands that take arguments.
type example struct {
	submit, subscribe []string
}

func TestExamplesInGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var e example
	for name, command := range map[string]*[]string{"submit": &e.submit, "subscribe": &e.subscribe} {
		binary := filepath.Join(dir, name)
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./examples/go/"+name)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		*command = []string{binary}
	}
	e.check(t)
}

// check submits by the producer and has the subscriber work on the events. It
// is killed, its queue is lost so that all is delivered again, and still every
// job is worked on once.
func (e example) check(t *testing.T) {
	t.Helper()
	w := newWorld(t)
	w.start(nil).ready()
	w.api.Add(simulator.Job{ID: "one"}, simulator.Job{ID: "two", Outcome: simulator.Failed}, simulator.Job{ID: "three"})
	folder := t.TempDir()
	done := func(id string) func() bool {
		return func() bool {
			_, err := os.Stat(filepath.Join(folder, id+".json"))
			return err == nil
		}
	}

	require.Contains(t, e.output(w, e.submit, "one", "two"), "submitted two")
	require.Equal(t, "examples/one/result.bin", w.event("one").Data.Objects[0].Key)
	first := e.start(w, folder)
	w.eventually("the subscriber has not worked on one", done("one"))
	w.eventually("the subscriber has not worked on two", done("two"))
	first.signal(syscall.SIGKILL)
	first.status()
	require.NoError(t, w.js.DeleteConsumer(t.Context(), "JOBS_EVENTS", "inbox"))

	e.output(w, e.submit, "three")
	second := e.start(w, folder)
	w.eventually("the subscriber has not worked on three", done("three"))
	w.eventually("not everything is acknowledged", func() bool {
		queue, err := w.js.Consumer(t.Context(), "JOBS_EVENTS", "inbox")
		return err == nil && queue.CachedInfo().NumPending == 0 && queue.CachedInfo().NumAckPending == 0
	})
	second.signal(syscall.SIGTERM)
	require.Zero(t, second.status(), second.out)
	require.Contains(t, second.out.String(), "completed three")
	require.NotContains(t, second.out.String(), "one", "what is done is not done again")
	require.NotContains(t, second.out.String(), "two")
}

func (e example) command(w *world, command []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.t.Context(), command[0], append(command[1:], args...)...)
	cmd.Env = append(os.Environ(), "NATS_URL="+w.nats.URL())
	return cmd
}

// output runs a command to its end.
func (e example) output(w *world, command []string, args ...string) string {
	w.t.Helper()
	out, err := e.command(w, command, args...).CombinedOutput()
	require.NoError(w.t, err, "%s", out)
	return string(out)
}

// start runs the subscriber until the test ends.
func (e example) start(w *world, folder string) *process {
	w.t.Helper()
	p := &process{t: w.t, cmd: e.command(w, e.subscribe, "inbox", folder), out: &output{}, exit: make(chan struct{})}
	p.run()
	return p
}
