package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Watch sees terminal events as they are published.
type Watch struct {
	lab  *Lab
	sub  *nats.Subscription
	seen chan sighting
}

// sighting is one event, and when it came.
type sighting struct {
	outcome, id string
	at          time.Time
}

// Watch begins to see events, of which there will be count.
func (l *Lab) Watch(count int) (*Watch, error) {
	w := &Watch{lab: l, seen: make(chan sighting, count+1)}
	var err error
	w.sub, err = l.conn.Subscribe("jobs.events.>", func(msg *nats.Msg) {
		outcome, id := outcomeOf(msg.Subject)
		select {
		case w.seen <- sighting{outcome, id, time.Now()}:
		default: // more than there were to be: the broker's count will tell
		}
	})
	if err != nil {
		return nil, fmt.Errorf("watch events: %w", err)
	}
	if err := l.conn.Flush(); err != nil {
		return nil, fmt.Errorf("watch events: %w", err)
	}
	return w, nil
}

// All waits until count jobs have an event with the outcome, and returns when
// each was seen, by job ID. Another outcome is an error, as is a program that
// ends before.
func (w *Watch) All(ctx context.Context, outcome string, count int, programs ...*Process) (map[string]time.Time, error) {
	defer w.sub.Unsubscribe()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for _, p := range programs {
		go func() {
			select {
			case <-p.Ended():
				stop(fmt.Errorf("%s ended with %v in the middle of the run%s", p.name, p.cmd.ProcessState, p.lastWords()))
			case <-ctx.Done():
			}
		}()
	}
	seen := make(map[string]time.Time, count)
	for len(seen) < count {
		select {
		case s := <-w.seen:
			if s.outcome != outcome {
				return nil, fmt.Errorf("job %s is %s, not %s", s.id, s.outcome, outcome)
			}
			seen[s.id] = s.at
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d events came: %w", len(seen), count, context.Cause(ctx))
		}
	}
	w.lab.events += count
	return seen, w.lab.settled(ctx, w.lab.events)
}

// settled waits until the broker holds an event of every job and no submission
// any more. What is seen on the wire may still be refused.
func (l *Lab) settled(ctx context.Context, events int) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		stored, left := l.count(ctx, "JOBS_EVENTS"), l.count(ctx, "JOBS")
		if stored == events && left == 0 {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d events are stored and %d submissions are left: %w", stored, events, left, context.Cause(ctx))
		}
	}
}

// count is how many messages a stream has, -1 when it does not say.
func (l *Lab) count(ctx context.Context, stream string) int {
	s, err := l.js.Stream(ctx, stream)
	if err != nil {
		return -1
	}
	return int(s.CachedInfo().State.Msgs)
}

// outcomeOf reads jobs.events.<outcome>.<jobID>.
func outcomeOf(subject string) (outcome, id string) {
	outcome, id, _ = strings.Cut(strings.TrimPrefix(subject, "jobs.events."), ".")
	return outcome, id
}
