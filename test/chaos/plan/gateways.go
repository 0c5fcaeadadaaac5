package plan

import (
	"math/rand/v2"
	"time"
)

const (
	// minGateway and maxGateway are how long somebody answers in the place of the
	// API, or the file host has a bad moment; maxLongGateway is the same in runs that
	// have the time.
	minGateway     = 2 * time.Second
	maxGateway     = 5 * time.Second
	maxLongGateway = 25 * time.Second
	// minGatewayGap and maxGatewayGap lie between two of these; longGatewayGap is
	// added in long runs, so that there is time in which nothing of the kind happens.
	minGatewayGap  = 500 * time.Millisecond
	maxGatewayGap  = 1500 * time.Millisecond
	longGatewayGap = 30 * time.Second
)

// gateways have somebody else answer in the place of the API.
func gateways(o Options) []Fault {
	return oneAfterAnother(o, randomFor(o, "gateways"), [][]Fault{
		{{Kind: Firewall, Amount: 100}, {Kind: Firewall, Amount: 30}}, // percent
		{{Kind: DefaultBackend, Amount: 100}, {Kind: DefaultBackend, Amount: 30}},
		{{Kind: Maintenance, Amount: 100}, {Kind: Maintenance, Amount: 30}},
	})
}

// fileHosts have the file host do odd things.
func fileHosts(o Options) []Fault {
	return oneAfterAnother(o, randomFor(o, "file hosts"), [][]Fault{
		{{Kind: FilesRefused, Amount: 100}, {Kind: FilesRefused, Amount: 30}},  // percent
		{{Kind: FilesSlow, Amount: 8000}, {Kind: FilesSlow, Amount: 1000}},     // ms
		{{Kind: FilesShort, Amount: 100}, {Kind: FilesShort, Amount: 100_000}}, // bytes
		{{Kind: FilesRenamed}},
	})
}

// oneAfterAnother deals faults that never overlap.
func oneAfterAnother(o Options, random *rand.Rand, variants [][]Fault) []Fault {
	next := dealer(random, variants)
	longest, rest := maxGateway, time.Duration(0)
	if o.Over() >= longOutageFrom {
		longest, rest = maxLongGateway, longGatewayGap
	}
	var faults []Fault
	at := between(random, 0, maxGatewayGap)
	for {
		f := next()
		f.At, f.For = at, between(random, minGateway, longest)
		if f.Ends() > o.Over() {
			return faults
		}
		faults = append(faults, f)
		at = f.Ends() + rest + between(random, minGatewayGap, maxGatewayGap)
	}
}
