package world

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"sync/atomic"
	"syscall"
)

// process is a child of ours. It ends with us at the latest.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	status atomic.Int32 // its exit status; -1 when a signal ended it; read after ended
}

// spawn starts a program with exactly the environment given.
func spawn(binary string, args, env []string, out io.Writer) (*process, error) {
	cmd := exec.CommandContext(context.Background(), binary, args...) // whoever spawned it ends it
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()
		p.status.Store(int32(cmd.ProcessState.ExitCode()))
	}()
	return p, nil
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// fatal is the signal that has ended the process, 0 for none; read after ended.
func (p *process) fatal() syscall.Signal {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return 0
	}
	return status.Signal()
}

// kill ends the process and waits for it.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// running reports whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}
