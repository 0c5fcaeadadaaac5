package check

import (
	"bytes"
	"syscall"
)

// crashSigns are what Go writes when a program of its own fails.
func crashSigns() []string {
	return []string{"panic:", "panic serving", "fatal error:", "DATA RACE"}
}

// crashes names what of them stands in a line.
func crashes(line []byte) []string {
	var found []string
	for _, sign := range crashSigns() {
		if bytes.Contains(line, []byte(sign)) {
			found = append(found, sign)
		}
	}
	return found
}

// ends looks for workers that ended by themselves.
func (j *judge) ends() {
	for _, e := range j.o.Ends {
		if !e.explained() {
			j.addf(WorkerFailed, "", "worker %d ended with status %d, signal %d; SIGTERMs sent: %d, killed: %t", e.Worker, e.Status, e.Signal, e.Terminates, e.Killed)
		}
	}
}

// explained says whether the end is what the signals ask for. A SIGTERM that
// comes before the program has begun ends it as it ends any.
func (e End) explained() bool {
	switch e.Status {
	case -1:
		return e.Killed && e.Signal == syscall.SIGKILL || e.Terminates > 0 && e.Signal == syscall.SIGTERM
	case 0:
		return e.Terminates > 0
	case 1: // what stopping at once gives
		return e.Terminates > 1
	default:
		return false
	}
}
