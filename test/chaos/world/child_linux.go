package world

import "syscall"

// childAttributes keep a terminal's Ctrl-C from the children, which the run
// ends in its own order, and end them when the run itself is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
