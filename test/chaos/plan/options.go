// Package plan decides what a chaos run does: which jobs are submitted, how and
// when, and what goes wrong meanwhile. All of it is a pure function of the
// options, so that a seed is enough to see a run again. It starts nothing,
// breaks nothing and reads no clock.
package plan

import (
	"errors"
	"fmt"
	"time"
)

// Options are what a plan follows from. The same options give the same plan,
// byte for byte.
type Options struct {
	Seed        uint64
	Jobs        int
	WorkerKills int // kill -9
	NodeKills   int // kill -9
	Workers     int
	Nodes       int
	// Length is the time over which submissions and faults are spread; the
	// last duplicates may come a little later. 0 is as long as the numbers
	// above need.
	Length time.Duration
}

// What the length follows from where none is given.
const (
	// minLength has room for one fault of each short kind.
	minLength = 30 * time.Second
	// perNodeKill is a node's absence and the time to catch up again.
	perNodeKill = 20 * time.Second
	// perWorkerKill leaves a new worker time to be in the middle of something.
	perWorkerKill = 2 * time.Second
	// perJob is what a small machine can carry beside three workers.
	perJob = 60 * time.Millisecond
	// leastPerNodeKill is what a node needs to be away and back at all.
	leastPerNodeKill = maxNodeAway + 2*time.Second
)

// Validate reports everything that no plan could be made of.
func (o Options) Validate() error {
	var problems []error
	for _, number := range []struct {
		name        string
		value, less int
	}{
		{"jobs", o.Jobs, 1}, {"worker kills", o.WorkerKills, 0}, {"node kills", o.NodeKills, 0},
		{"workers", o.Workers, 1}, {"nodes", o.Nodes, 1},
	} {
		if number.value < number.less {
			problems = append(problems, fmt.Errorf("the number of %s is %d, it must be %d or more", number.name, number.value, number.less))
		}
	}
	if least := time.Duration(o.NodeKills) * leastPerNodeKill; o.Length != 0 && o.Length < least {
		problems = append(problems, fmt.Errorf("the length is %v, with %d node kills one after the other it must be %v or more", o.Length, o.NodeKills, least))
	}
	return errors.Join(problems...)
}

// Over is the time that the plan is spread over: Length, or what the numbers
// need.
func (o Options) Over() time.Duration {
	if o.Length > 0 {
		return o.Length
	}
	return max(
		minLength,
		time.Duration(o.NodeKills)*perNodeKill,
		time.Duration(o.WorkerKills)*perWorkerKill,
		time.Duration(o.Jobs)*perJob,
	)
}
