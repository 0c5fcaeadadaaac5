package consumer

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/consumer/pull"
	"github.com/nats-io/nats.go"
)

// errDraining is the cause of a context that ended because the worker stops.
var errDraining = errors.New("the worker is stopping")

// delivery is one message in flight: its lease, its poll slot, and the two
// contexts of its work. work ends when the worker has to stop working; settling
// outlives it and ends with the lease, so that finished work can still be
// published and acknowledged.
type delivery struct {
	msg   *nats.Msg
	meta  *nats.MsgMetadata
	lane  limit.Lane
	lease *pull.Lease
	stage stage // that the job has come to

	work     context.Context
	settling context.Context

	traceparent string // of the job's trace, empty if it is in none

	freeSlot func()   // gives the poll slot back; only the first call counts
	slot     *slot    // of its first transfer, nil while it has none
	held     []func() // give back the rest, at the end
}

// slot is a transfer slot with a connection to a file host.
type slot struct {
	release func() // only the first call counts
}

// onRelease adds what is given back at the end of the delivery.
func (d *delivery) onRelease(release func()) { d.held = append(d.held, release) }

// newDelivery begins the delivery of a message. The caller releases it, with an
// error too.
func (w *Worker) newDelivery(m pull.Message) (d *delivery, release func(), err error) {
	w.polls.MessageArrived(m.Lane)
	free := sync.OnceFunc(func() { w.polls.MessageDone(m.Lane) })
	meta, err := m.Msg.Metadata()
	if err != nil {
		return nil, free, err
	}
	d = &delivery{msg: m.Msg, meta: meta, lane: m.Lane, freeSlot: free}
	d.lease = pull.NewLease(w.settling, m, w.nc, w.cfg.Broker.AckWait)
	d.settling = d.lease.Context()
	work, cancel := context.WithCancelCause(d.settling)
	d.work = work
	stopWatching := context.AfterFunc(w.working, func() { cancel(errDraining) })
	return d, func() {
		stopWatching()
		cancel(context.Canceled)
		d.lease.Release()
		for _, giveBack := range slices.Backward(d.held) {
			giveBack()
		}
		free()
	}, nil
}

// crashes is how many leases of the message were lost before this delivery.
func (d *delivery) crashes() int {
	return int(min(d.meta.NumDelivered-1, 1<<20))
}

// stopped is why the work on a delivery has ended: the worker drains, or the
// lease is lost.
func (d *delivery) stopped() error {
	cause := context.Cause(d.work)
	if errors.Is(cause, errDraining) {
		return errDraining
	}
	return left(cause)
}

// orStopped is why the work has ended, if it has, and err otherwise.
func orStopped(d *delivery, err error) error {
	if d.work.Err() != nil {
		return d.stopped()
	}
	return err
}
