//go:build !linux

package lab

import "syscall"

// childAttributes keep a terminal's Ctrl-C from the children, which the run
// ends in its own order.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// peakMemory is 0: only Linux tells it of a process that runs.
func peakMemory(int) (int64, error) { return 0, nil }
