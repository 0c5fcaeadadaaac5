package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/jobferry/jobferry/test/bench/figures"
)

// stopLimit bounds the wait for a process that was asked to end.
const stopLimit = 40 * time.Second

// maxLastWords is how much of a log an error quotes, in bytes.
const maxLastWords = 2 << 10

// Process is a child of the benchmark.
type Process struct {
	name  string
	log   string // path of what it prints; empty for a server
	cmd   *exec.Cmd
	ended chan struct{}
}

// command prepares a program with exactly the environment given.
func command(binary string, args, env []string, out io.Writer) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), binary, args...) // whoever starts it ends it
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	cmd.SysProcAttr = childAttributes()
	return cmd
}

// attend waits for a command that was started, so that its end is known.
func attend(name string, cmd *exec.Cmd) *Process {
	p := &Process{name: name, cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // its state says it all
	}()
	return p
}

// Ended is closed when the process has ended, by itself or not.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Stop asks the process to end, waits for it, and returns what it has used in
// its life. One that does not end is killed, which is an error, as is any exit
// status but 0.
func (p *Process) Stop() (figures.Usage, error) {
	return p.stop(func() { _ = p.cmd.Process.Signal(syscall.SIGTERM) })
}

func (p *Process) stop(ask func()) (figures.Usage, error) {
	peak, err := peakMemory(p.cmd.Process.Pid)
	ask()
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		p.Kill()
		err = errors.Join(err, fmt.Errorf("%s did not end within %v", p.name, stopLimit))
	}
	state := p.cmd.ProcessState
	if !state.Success() {
		err = errors.Join(err, fmt.Errorf("%s ended with %v%s", p.name, state, p.lastWords()))
	}
	return figures.Usage{CPU: state.UserTime() + state.SystemTime(), RSS: peak}, err
}

// lastWords is the end of what the process printed, for an error.
func (p *Process) lastWords() string {
	if p.log == "" {
		return ""
	}
	printed, err := os.ReadFile(p.log)
	if err != nil {
		return ""
	}
	return ", having printed:\n" + string(printed[max(0, len(printed)-maxLastWords):])
}

// Kill ends the process, whatever it does. It may be called at any time, more
// than once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}
