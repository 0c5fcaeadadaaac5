package world

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Progress is how far a run has come.
type Progress struct {
	Events uint64 // terminal events that stand
	Left   uint64 // messages in the submission and the wait stream
}

// progress asks the cluster; an error when it cannot be asked just now.
func (w *World) progress(ctx context.Context) (Progress, error) {
	var p Progress
	for _, part := range []struct {
		stream string
		into   *uint64
	}{{eventStream, &p.Events}, {submissionStream, &p.Left}, {waitStream, &p.Left}} {
		state, err := w.cluster.state(ctx, part.stream)
		if err != nil {
			return p, err
		}
		*part.into += state.Msgs
	}
	return p, nil
}

// settle waits until events for all jobs stand and nothing is left, twice in
// a row. It gives up when no more events have come and no less was left for
// the patience given, and that is no error: what is missing is the checker's
// business.
func (w *World) settle(ctx context.Context, jobs int, patience time.Duration, say func(Progress)) error {
	best, moved := Progress{Left: math.MaxUint64}, time.Now()
	for quiet := 0; quiet < 2 && time.Since(moved) < patience; {
		p, err := w.progress(ctx)
		if err == nil {
			say(p)
			quiet = next(quiet, p.Events >= uint64(jobs) && p.Left == 0)
			if p.Events > best.Events || p.Left < best.Left {
				moved = time.Now()
			}
			best = Progress{Events: max(best.Events, p.Events), Left: min(best.Left, p.Left)}
		}
		if !pause(ctx, time.Second) {
			return fmt.Errorf("wait for the jobs to settle: %w", context.Cause(ctx))
		}
	}
	return nil
}

func next(count int, more bool) int {
	if more {
		return count + 1
	}
	return 0
}
