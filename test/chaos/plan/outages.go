package plan

import (
	"math/rand/v2"
	"time"
)

const (
	// minOutage and maxOutage are how long a dependency is away as a rule.
	minOutage = 2 * time.Second
	maxOutage = 6 * time.Second
	// minLongOutage and maxLongOutage are around the ack wait of 30 s. One
	// outage in longOutageEvery is so long, in runs that have the time.
	minLongOutage   = 20 * time.Second
	maxLongOutage   = 40 * time.Second
	longOutageEvery = 8
	longOutageFrom  = 5 * time.Minute

	// minPeace and maxPeace are what lies between two outages.
	minPeace = time.Second
	maxPeace = 4 * time.Second
)

// outages take dependencies away altogether, one at a time.
func outages(o Options) []Fault {
	random := randomFor(o, "outages")
	next := dealer(random, outageVariants(o))
	var faults []Fault
	at := between(random, minPeace, maxPeace)
	for n := 0; ; n++ {
		f := next()
		f.At, f.For = at, outageLength(random, o.Over(), n)
		if f.Ends() > o.Over() {
			return faults
		}
		faults = append(faults, f)
		at = f.Ends() + between(random, minPeace, maxPeace)
	}
}

func outageLength(random *rand.Rand, over time.Duration, n int) time.Duration {
	if over >= longOutageFrom && n%longOutageEvery == longOutageEvery-1 {
		return between(random, minLongOutage, maxLongOutage)
	}
	return between(random, minOutage, maxOutage)
}

// outageVariants are the faults by kind, without their times.
func outageVariants(o Options) [][]Fault {
	const everyRequest = 100
	return [][]Fault{
		connections(o, Cut, 0), connections(o, Stall, 0),
		{{Kind: APIDown}},
		{{Kind: StoreError, Amount: everyRequest}, {Kind: StoreSlowDown, Amount: everyRequest}},
	}
}

// connections are one kind of fault for every connection there is, in each
// direction.
func connections(o Options, kind Kind, amount int64) []Fault {
	var faults []Fault
	add := func(dependency Dependency, target int) {
		for _, direction := range []Direction{Upstream, Downstream} {
			faults = append(faults, Fault{Kind: kind, Dependency: dependency, Target: target, Direction: direction, Amount: amount})
		}
	}
	add(Store, 0)
	add(API, 0)
	add(Files, 0)
	add(NATS, All)
	for node := range o.Nodes {
		add(NATS, node)
	}
	return faults
}

// dealer deals the kinds in turn, so that a short run has one of each, and
// the variants of a kind each once before any comes again.
func dealer(random *rand.Rand, kinds [][]Fault) func() Fault {
	decks := make([]*deck[Fault], len(kinds))
	for i, variants := range kinds {
		decks[i] = newDeck(random, variants...)
	}
	turn := newDeck(random, decks...)
	return func() Fault { return turn.deal().deal() }
}
