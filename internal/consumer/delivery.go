package consumer

import (
	"context"
	"errors"
	"sync"

	"github.com/nats-io/nats.go"
)

// errDraining is the cause of a context that ended because the worker stops.
var errDraining = errors.New("the worker is stopping")

// delivery is one message in hand: its lease, its poll slot, and the two
// contexts of its work. work ends when the worker has to stop working;
// settling outlives it and ends with the lease, so that what was done can
// still be published and acknowledged.
type delivery struct {
	msg   *nats.Msg
	meta  *nats.MsgMetadata
	lane  lane
	lease *lease

	work     context.Context
	settling context.Context

	traceparent string // of the job's trace, empty if it is in none

	freeSlot func() // gives the poll slot back; only the first call counts
	leave    func() // gives the place among the finished jobs back, if there is one
}

// deliver takes a message in hand.
func (w *Worker) deliver(m message) (*delivery, func(), error) {
	w.slots.fill(m.lane)
	free := sync.OnceFunc(func() { w.slots.empty(m.lane) })
	meta, err := m.msg.Metadata()
	if err != nil {
		return nil, free, err
	}
	d := &delivery{msg: m.msg, meta: meta, lane: m.lane, freeSlot: free, leave: func() {}}
	d.lease = newLease(w.settling, m, w.broker.nc, w.cfg.ackWait())
	d.settling = d.lease.ctx
	work, cancel := context.WithCancelCause(d.settling)
	d.work = work
	stopWatching := context.AfterFunc(w.working, func() { cancel(errDraining) })
	return d, func() {
		stopWatching()
		cancel(context.Canceled)
		d.lease.release()
		free()
	}, nil
}

// crashes is how many leases of the message were lost before this delivery.
func (d *delivery) crashes() int {
	return int(min(d.meta.NumDelivered-1, 1<<20))
}
