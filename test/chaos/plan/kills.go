package plan

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// minNodeAway and maxNodeAway are how long a killed node stays away: long
	// enough for an election, short enough for the others to bear it.
	minNodeAway = 5 * time.Second
	maxNodeAway = 10 * time.Second
	// nodeRest is the least time after a return before the next kill.
	nodeRest = 2 * time.Second

	// minStop and maxStop are beyond the ack wait of 30 s, so that what the
	// stopped worker holds is given to another while it still believes in it.
	minStop = 35 * time.Second
	maxStop = 45 * time.Second
	// stopEvery is the time that one stop gets for itself.
	stopEvery = 90 * time.Second

	// killsPerTerminate is how many kills there are to one SIGTERM.
	killsPerTerminate = 5
)

// leaders are the streams whose leaders are killed in turn.
func leaders() []string { return []string{"JOBS_WAIT", "JOBS_EVENTS", "JOBS"} }

// nodeKills are one after the other: the next one comes when the node before
// is back, because three replicas need two of them.
func nodeKills(o Options) []Fault {
	random := randomFor(o, "node kills")
	streams := newDeck(random, leaders()...)
	faults := make([]Fault, 0, o.NodeKills)
	slots(o.NodeKills, o.Over(), func(i int, begin, end time.Duration) {
		away := between(random, minNodeAway, maxNodeAway)
		f := Fault{At: between(random, begin, end-away-nodeRest), Kind: NodeKill, Target: random.IntN(o.Nodes), For: away}
		if i%2 == 0 { // every other kill takes a leader
			f.Kind, f.Stream, f.Target = LeaderKill, streams.deal(), All
		}
		faults = append(faults, f)
	})
	return faults
}

// stops freeze one worker at a time, when the run is long enough for it and
// there is another one to take over.
func stops(o Options) []Fault {
	if o.Workers < 2 {
		return nil
	}
	random := randomFor(o, "worker stops")
	var faults []Fault
	slots(int(o.Over()/stopEvery), o.Over(), func(_ int, begin, end time.Duration) {
		frozen := between(random, minStop, maxStop)
		faults = append(faults, Fault{
			At: between(random, begin, end-frozen), Kind: WorkerStop, Target: random.IntN(o.Workers), For: frozen,
		})
	})
	return faults
}

// workerKills and terminates are aimed past the worker that is stopped at that
// time: its awakening is what the stop is for.
func workerKills(o Options, stopped []Fault) []Fault {
	return strikes(o, WorkerKill, o.WorkerKills, stopped)
}

func terminates(o Options, stopped []Fault) []Fault {
	count := o.WorkerKills / killsPerTerminate
	if o.WorkerKills > 0 {
		count = max(count, 1)
	}
	return strikes(o, WorkerTerminate, count, stopped)
}

func strikes(o Options, kind Kind, count int, stopped []Fault) []Fault {
	random := randomFor(o, string(kind))
	faults := make([]Fault, 0, count)
	slots(count, o.Over(), func(_ int, begin, end time.Duration) {
		at := between(random, begin, end)
		faults = append(faults, Fault{At: at, Kind: kind, Target: running(random, o.Workers, at, stopped)})
	})
	return faults
}

// running picks a worker that the plan has not stopped at that time.
func running(random *rand.Rand, workers int, at time.Duration, stopped []Fault) int {
	target := random.IntN(workers)
	frozen := func(f Fault) bool { return f.Target == target && f.At <= at && at <= f.Ends() }
	if slices.ContainsFunc(stopped, frozen) {
		return (target + 1) % workers
	}
	return target
}
