package plan

import (
	"math/rand/v2"
	"time"
)

const (
	// minTrouble and maxTrouble are how long something goes badly.
	minTrouble = 3 * time.Second
	maxTrouble = 10 * time.Second
	// minTroubleGap and maxTroubleGap lie between the beginnings of two, which
	// is less than they last: they overlap.
	minTroubleGap = time.Second
	maxTroubleGap = 3 * time.Second

	// turnEvery is the time between two faults that are over at once.
	turnEvery = 12 * time.Second
	// maxForward and maxBack bound a jump of the API's clock, in seconds. Back
	// is less, because the jobs that run take so much longer.
	maxForward = 600
	maxBack    = 60
)

// troubles make dependencies worse without taking them away. Several happen
// at once, but no two of one kind: what ends the first would end the second.
func troubles(o Options) []Fault {
	dice := diceFor(o, "troubles")
	next := dealer(dice, troubleVariants(o))
	var faults []Fault
	free := map[Kind]time.Duration{}
	for at := between(dice, 0, maxTroubleGap); at < o.Over(); at += between(dice, minTroubleGap, maxTroubleGap) {
		f := next()
		f.At = max(at, free[f.Kind])
		f.For = between(dice, minTrouble, maxTrouble)
		if f.Ends() > o.Over() {
			continue
		}
		f.Amount = vary(dice, f.Amount)
		free[f.Kind] = f.Ends() + time.Millisecond
		faults = append(faults, f)
	}
	return faults
}

// troubleVariants are the faults by kind, with the middle of what their
// amounts may be.
func troubleVariants(o Options) [][]Fault {
	return [][]Fault{
		connections(o, Latency, 400),                                                                           // ms
		connections(o, Bandwidth, 1024),                                                                        // KiB/s
		connections(o, Slice, 512),                                                                             // bytes
		{{Kind: StoreError, Amount: 30}}, {{Kind: StoreLost, Amount: 30}}, {{Kind: StoreSlowDown, Amount: 30}}, // percent
		{{Kind: APIThrottle, Amount: 40}}, // calls a second
	}
}

// vary returns between half and one and a half of an amount.
func vary(dice *rand.Rand, amount int64) int64 { return amount/2 + dice.Int64N(amount+1) }

// turns are what is over at once: all tokens are revoked, or the API's clock
// jumps. It never shows a time before the true one.
func turns(o Options) []Fault {
	dice := diceFor(o, "turns")
	var faults []Fault
	var ahead int64 // seconds that the clock is
	slots(max(int(o.Over()/turnEvery), 2), o.Over(), func(i int, begin, end time.Duration) {
		f := Fault{At: between(dice, begin, end), Kind: RevokeTokens}
		if i%2 == 1 {
			f.Kind, f.Amount = ClockJump, jump(dice, ahead)
			ahead += f.Amount
		}
		faults = append(faults, f)
	})
	return faults
}

// jump is forward as a rule, and back one time in three.
func jump(dice *rand.Rand, ahead int64) int64 {
	if back := min(ahead, maxBack); back > 0 && dice.IntN(3) == 0 {
		return -1 - dice.Int64N(back)
	}
	return maxBack + dice.Int64N(maxForward-maxBack)
}
