// Package retry says how long to wait, and nothing more: backoff as
// arithmetic. Nothing in it sleeps; waiting is the broker's part for jobs, and
// the caller's for everything else.
package retry

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// jitter is the share by which a delay is randomised to either side, so that
// jobs submitted together do not stay together.
const jitter = 0.2

// Policy is an exponential backoff.
type Policy struct {
	Initial    time.Duration // before the first retry
	Max        time.Duration // no delay is longer, jitter included
	Multiplier float64       // from one delay to the next
}

// Validate reports everything that is wrong with the policy.
func (p Policy) Validate() error {
	var problems []error
	if p.Initial <= 0 {
		problems = append(problems, fmt.Errorf("the initial delay is %v, it must be positive", p.Initial))
	}
	if p.Max < p.Initial {
		problems = append(problems, fmt.Errorf("the longest delay %v is shorter than the initial one %v", p.Max, p.Initial))
	}
	if p.Multiplier < 1 || math.IsInf(p.Multiplier, 0) || math.IsNaN(p.Multiplier) {
		problems = append(problems, fmt.Errorf("the multiplier is %v, it must be 1 or more", p.Multiplier))
	}
	return errors.Join(problems...)
}

// Delay returns the wait after the given number of earlier attempts, counted
// from 0. It is random within the jitter and depends on nothing else, so that
// any pod can go on where another stopped.
func (p Policy) Delay(attempt int) time.Duration {
	b := backoff.ExponentialBackOff{
		InitialInterval:     p.base(attempt),
		RandomizationFactor: jitter,
		Multiplier:          1,
		MaxInterval:         p.Max,
		Stop:                backoff.Stop,
		Clock:               backoff.SystemClock,
	}
	b.Reset()
	return min(b.NextBackOff(), p.Max)
}

// base is the delay without its jitter: Initial times Multiplier to the power
// of attempt, and at most so much that the jitter does not pass Max, lest half
// of the long delays be Max to the nanosecond.
func (p Policy) base(attempt int) time.Duration {
	base := float64(p.Initial) * math.Pow(p.Multiplier, float64(max(attempt, 0)))
	return time.Duration(min(base, float64(p.Max)/(1+jitter)))
}

// BackOff returns a fresh backoff of the policy that never gives up, for a
// loop that does wait.
func (p Policy) BackOff() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(p.Initial),
		backoff.WithMaxInterval(p.Max),
		backoff.WithMultiplier(p.Multiplier),
		backoff.WithRandomizationFactor(jitter),
		backoff.WithMaxElapsedTime(0),
	)
}
