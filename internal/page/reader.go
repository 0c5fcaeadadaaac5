package page

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/pod"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// The limits of one reading.
const (
	readLimit    = 3 * time.Second
	maxWaiting   = 12
	maxTail      = 100 // events that are kept, and of which reasons are counted
	maxEvents    = 20  // of these, events that are shown
	settledEvery = 15  // readings, which are a second apart
	settledSpan  = time.Hour
)

// errNoSource is what is said before the worker has come so far.
var errNoSource = errors.New("this worker is still starting")

// Source is where the page reads from. The caller owns the connection.
type Source struct {
	Pod      string // the name of the pod that shows the page
	PodID    string // as its report has it
	Fleet    *fleet.Fleet
	Conn     *nats.Conn
	Subjects broker.Subjects
}

// pageReader reads a source while a browser is connected, and keeps what need not
// be read again.
type pageReader struct {
	source *atomic.Pointer[Source]
	log    *zap.Logger

	count   int // of readings
	settled map[job.Outcome]int
	tail    []Event // the last one first
	last    uint64  // sequence of the last event that was read
}

func newReader(source *atomic.Pointer[Source], log *zap.Logger) *pageReader {
	return &pageReader{source: source, log: log, tail: []Event{}} // no list of the page's is null
}

// read makes one reading. What cannot be read is told, not shown as it was.
func (r *pageReader) read(ctx context.Context) Snapshot {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	s, err := r.try(ctx)
	s.At = time.Now().UTC()
	if err == nil {
		return s
	}
	if !errors.Is(err, context.Canceled) {
		r.log.Debug("the page could not be read", zap.Error(err))
	}
	return Snapshot{At: s.At, Pod: s.Pod, Error: err.Error()}
}

func (r *pageReader) try(ctx context.Context) (Snapshot, error) {
	source := r.source.Load()
	if source == nil {
		return Snapshot{}, errNoSource
	}
	s := Snapshot{Pod: source.Pod, PodID: source.PodID}
	if source.Conn.Status() != nats.CONNECTED {
		return s, nats.ErrDisconnected
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.Pods, err = pod.Ask(ctx, source.Conn, source.Subjects)
		return err
	})
	group.Go(func() (err error) {
		s.Waiting, err = waiting(ctx, source.Fleet)
		return err
	})
	group.Go(func() (err error) {
		s.Jobs, err = jobs(ctx, source.Fleet)
		return err
	})
	group.Go(func() error { return r.events(ctx, source.Fleet) })
	err := group.Wait()
	s.Settled, s.Events, s.ReasonsOf = r.settled, r.tail[:min(len(r.tail), maxEvents)], len(r.tail)
	s.Reasons = reasons(r.tail)
	return s, err
}

func jobs(ctx context.Context, f *fleet.Fleet) (*Jobs, error) {
	c, err := f.Count(ctx)
	return &Jobs{
		Submitted: c.Submitted, Waiting: c.Waiting, Due: c.Due, InHand: c.InFlight,
		OldestSubmitted: c.OldestSubmitted.Seconds(), OldestDue: c.OldestDue.Seconds(),
	}, err
}

// waiting is some of the jobs that wait, the next that is due first.
func waiting(ctx context.Context, f *fleet.Fleet) ([]Waiting, error) {
	list, err := f.Waiting(ctx, maxWaiting)
	shown := make([]Waiting, 0, len(list))
	for _, w := range list {
		shown = append(shown, Waiting{Job: w.Job.ID, Until: w.Until, Attempt: w.Job.Attempt + 1, Reason: w.Job.LastError})
	}
	slices.SortFunc(shown, func(a, b Waiting) int { return a.Until.Compare(b.Until) })
	return shown, err
}

// events reads the events that are new since the last reading.
func (r *pageReader) events(ctx context.Context, f *fleet.Fleet) error {
	counted, err := r.recount(ctx, f)
	if err != nil {
		return err
	}
	latest, err := f.Tail(ctx, r.last, maxTail)
	if err != nil {
		r.settled = nil // what is new may be part of it
		return err
	}
	if !counted {
		r.settled = maps.Clone(r.settled) // the last snapshot has it
	}
	for _, e := range latest {
		r.last = e.Sequence
		r.tail = slices.Insert(r.tail, 0, shownEvent(e))
		if !counted {
			r.settled[e.Data.Status]++
		}
	}
	r.tail = r.tail[:min(len(r.tail), maxTail)]
	return nil
}

// recount counts the events of the last hour, now and then: for that the broker
// goes through all of them. In between what is new is added. An event that comes
// just after the count is missed until the next one, rather than counted twice,
// and so are those beyond what a reading takes.
func (r *pageReader) recount(ctx context.Context, f *fleet.Fleet) (counted bool, err error) {
	r.count++
	if r.settled != nil && r.count%settledEvery != 0 {
		return false, nil
	}
	settled, err := f.Settled(ctx, time.Now().Add(-settledSpan))
	if err != nil {
		return false, err
	}
	r.settled = settled
	return true, nil
}

// reasons counts the failed ones of some events by reason, the most frequent
// first.
func reasons(events []Event) []Reason {
	counts := map[string]int{}
	for _, e := range events {
		if e.Outcome == job.OutcomeFailed {
			counts[e.Reason]++
		}
	}
	list := make([]Reason, 0, len(counts))
	for reason, count := range counts {
		list = append(list, Reason{Reason: reason, Count: count})
	}
	slices.SortFunc(list, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}
