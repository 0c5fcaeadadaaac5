package plan

import (
	"math/rand/v2"
	"time"
)

const (
	// minDegradation and maxDegradation are how long something goes badly.
	minDegradation = 3 * time.Second
	maxDegradation = 10 * time.Second
	// minDegradationGap and maxDegradationGap lie between the beginnings of two, which
	// is less than they last: they overlap.
	minDegradationGap = time.Second
	maxDegradationGap = 3 * time.Second

	// turnEvery is the time between two faults that are over at once.
	turnEvery = 12 * time.Second
	// maxForward and maxBack bound a jump of the API's clock, in seconds. Back
	// is less, because the jobs that run take so much longer.
	maxForward = 600
	maxBack    = 60
)

// degradations make dependencies worse without taking them away. Several happen
// at once, but no two of one kind: what ends the first would end the second.
func degradations(o Options) []Fault {
	random := randomFor(o, "troubles")
	next := dealer(random, degradationVariants(o))
	var faults []Fault
	free := map[Kind]time.Duration{}
	for at := between(random, 0, maxDegradationGap); at < o.Over(); at += between(random, minDegradationGap, maxDegradationGap) {
		f := next()
		f.At = max(at, free[f.Kind])
		f.For = between(random, minDegradation, maxDegradation)
		if f.Ends() > o.Over() {
			continue
		}
		f.Amount = vary(random, f.Amount)
		free[f.Kind] = f.Ends() + time.Millisecond
		faults = append(faults, f)
	}
	return faults
}

// degradationVariants are the faults by kind, with the middle of what their
// amounts may be.
func degradationVariants(o Options) [][]Fault {
	return [][]Fault{
		connections(o, Latency, 400),                                                                           // ms
		connections(o, Bandwidth, 1024),                                                                        // KiB/s
		connections(o, Slice, 512),                                                                             // bytes
		{{Kind: StoreError, Amount: 30}}, {{Kind: StoreLost, Amount: 30}}, {{Kind: StoreSlowDown, Amount: 30}}, // percent
		{{Kind: APIThrottle, Amount: 40}}, // calls a second
	}
}

// vary returns between half and one and a half of an amount.
func vary(random *rand.Rand, amount int64) int64 { return amount/2 + random.Int64N(amount+1) }

// turns are what is over at once: all tokens are revoked, or the API's clock
// jumps. It never shows a time before the true one.
func turns(o Options) []Fault {
	random := randomFor(o, "turns")
	var faults []Fault
	var ahead int64 // seconds that the clock is
	slots(max(int(o.Over()/turnEvery), 2), o.Over(), func(i int, begin, end time.Duration) {
		f := Fault{At: between(random, begin, end), Kind: RevokeTokens}
		if i%2 == 1 {
			f.Kind, f.Amount = ClockJump, jump(random, ahead)
			ahead += f.Amount
		}
		faults = append(faults, f)
	})
	return faults
}

// jump is forward as a rule, and back one time in three.
func jump(random *rand.Rand, ahead int64) int64 {
	if back := min(ahead, maxBack); back > 0 && random.IntN(3) == 0 {
		return -1 - random.Int64N(back)
	}
	return maxBack + random.Int64N(maxForward-maxBack)
}
