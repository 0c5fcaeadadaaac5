//go:build !linux

package world

import "syscall"

// childAttributes keep a terminal's Ctrl-C from the children, which the run
// ends in its own order.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
