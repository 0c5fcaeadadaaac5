package plan

import (
	"cmp"
	"slices"
)

// Faults are what goes wrong, in time. There are exactly as many kills as the
// options ask for; at most one node is away and at most one worker is stopped
// at any time, and at most one dependency is taken away altogether. Every
// fault is over when the run's length is. The options have to be valid.
func Faults(o Options) []Fault {
	stopped := stops(o)
	all := slices.Concat(
		workerKills(o, stopped), terminates(o, stopped), stopped, nodeKills(o),
		outages(o), degradations(o), turns(o), gateways(o), fileHosts(o),
	)
	slices.SortStableFunc(all, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return all
}
