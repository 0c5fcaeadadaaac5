package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

const (
	// answerLost is how long the broker may be silent when an answer is due;
	// then the request is taken for lost and made again. drainLost is the same
	// when the worker stops.
	answerLost = 5 * time.Second
	drainLost  = time.Second
	// drainQuiet is how long a listening request has to be quiet when the
	// worker stops: what the broker has assigned to it but not sent when it
	// reads that nobody listens is lost until the ack wait.
	drainQuiet = 100 * time.Millisecond
)

// puller asks one consumer for messages, for exactly as many as there are
// free slots. The client library's own iterators buffer ahead or drop what has
// arrived when they are stopped; here a stop hands over every last message.
type puller struct {
	lane        lane
	nc          *nats.Conn
	subject     string        // of pull requests
	listen      time.Duration // how long a request waits at the broker; see [listenFor]
	slots       *slots
	limiter     *rate.Limiter                   // nil for no limit
	admit       func(ctx context.Context) error // blocks while polling is paused
	handle      func(message)                   // takes over the message and its slot; must not block
	report      func(lane, error)               // told of each pull's end
	log         *zap.Logger
	inbox       string
	sub         *nats.Subscription
	arrived     chan *nats.Msg
	asked       time.Time // when the request was made that the broker answers now
	reconnected chan nats.Status
}

// message is a message on its way from the puller to whoever carries it.
type message struct {
	lane lane
	msg  *nats.Msg
	// since is when it may have been delivered at the earliest, and its ack wait
	// begun: it may have lain in a stopped process or a stalled connection.
	since time.Time
}

// listenFor is how long a request waits at the broker for messages to come: so
// short that the age of a message that answers it is known well enough.
func listenFor(ackWait time.Duration) time.Duration { return ackWait / 6 }

type pullRequest struct {
	Batch   int           `json:"batch"`
	Expires time.Duration `json:"expires,omitempty"`
	NoWait  bool          `json:"no_wait,omitempty"`
}

// errPullLost means that the broker has gone silent on a pull request.
var errPullLost = errors.New("the broker went silent on a pull request")

// run pulls until ctx ends, and returns when every message that the broker
// sent has been handed over.
func (p *puller) run(ctx context.Context) error {
	if err := p.subscribe(); err != nil {
		return err
	}
	p.reconnected = p.nc.StatusChanged(nats.CONNECTED)
	defer p.nc.RemoveStatusListener(p.reconnected)

	backoff := pullBackoff.BackOff()
	for n := 0; ctx.Err() == nil; n++ {
		err := p.next(ctx, n)
		if ctx.Err() != nil {
			break
		}
		p.report(p.lane, err)
		if err == nil {
			backoff.Reset()
			continue
		}
		if errors.Is(err, errPullLost) {
			if err := p.subscribe(); err != nil {
				return err
			}
		}
		select {
		case <-time.After(backoff.NextBackOff()):
		case <-p.reconnected:
		case <-ctx.Done():
		}
	}
	p.stop()
	return nil
}

// subscribe listens on an inbox of its own, and no longer on an earlier one:
// what comes late for a request that was taken for lost is nobody's by then.
func (p *puller) subscribe() (err error) {
	if p.sub != nil {
		_ = p.sub.Unsubscribe() // it fails only with the connection
	}
	p.arrived = make(chan *nats.Msg, 2*p.slots.total+64)
	p.inbox = p.nc.NewInbox()
	if p.sub, err = p.nc.ChanSubscribe(p.inbox+".*", p.arrived); err != nil {
		return fmt.Errorf("subscribe for pulls: %w", err)
	}
	return nil
}

// stop ends the subscription and hands over what was under way. Drain, unlike
// Unsubscribe, keeps what the broker sends until it has read that nobody
// listens any more; after the flush all of that is here. Without a connection
// there is nothing under way.
func (p *puller) stop() {
	if p.nc.Status() != nats.CONNECTED {
		_ = p.sub.Unsubscribe()
	} else if err := errors.Join(p.sub.Drain(), p.nc.FlushTimeout(drainLost)); err != nil {
		p.log.Debug("pulling ended without a connection", zap.Stringer("lane", p.lane), zap.Error(err))
	}
	for {
		select {
		case msg := <-p.arrived:
			if !isStatus(msg) {
				p.slots.add(p.lane)
				p.handle(message{p.lane, msg, p.asked})
			}
		default:
			return
		}
	}
}

// next makes one pull request and hands its messages over.
func (p *puller) next(ctx context.Context, n int) error {
	if err := p.admit(ctx); err != nil {
		return err
	}
	req, err := p.slots.take(ctx, p.lane)
	if err != nil {
		return err
	}
	if p.limiter != nil {
		if err := p.limiter.Wait(ctx); err != nil {
			p.slots.release(p.lane, req.count)
			return err
		}
	}
	for len(p.reconnected) > 0 { // it was before this request
		<-p.reconnected
	}
	inbox := fmt.Sprintf("%s.%d", p.inbox, n)
	if err := p.ask(inbox, req); err != nil {
		p.slots.release(p.lane, req.count)
		return err
	}
	left, err := p.receive(ctx, inbox, req)
	p.slots.release(p.lane, left)
	return err
}

func (p *puller) ask(inbox string, req request) error {
	body := pullRequest{Batch: req.count, Expires: p.listen}
	if req.backlog {
		body = pullRequest{Batch: req.count, NoWait: true}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	p.asked = time.Now()
	return p.nc.PublishRequest(p.subject, inbox, data)
}

// receive hands messages over until the request has ended, and returns how
// many of its slots were not used. When ctx ends the request is not left
// alone before it has ended or is quiet: the broker may be sending already.
func (p *puller) receive(ctx context.Context, inbox string, req request) (left int, err error) {
	silence := answerLost
	if !req.backlog {
		silence += p.listen
	}
	lost, stopped := time.NewTimer(silence), ctx.Done()
	defer lost.Stop()
	for left = req.count; left > 0; lost.Reset(silence) {
		select {
		case msg := <-p.arrived:
			if !isStatus(msg) {
				left--
				p.noteBacklog(msg)
				p.handle(message{p.lane, msg, p.asked})
				continue
			}
			if msg.Subject != inbox {
				continue // of an earlier request that had all its messages
			}
			if ended, err := p.status(msg); ended {
				return left, err
			}
		case <-p.reconnected:
			return left, nil // the broker forgot the request; ask again
		case <-lost.C:
			return left, errPullLost
		case <-stopped:
			stopped, silence = nil, drainQuiet
			if req.backlog {
				silence = drainLost
			}
		}
	}
	return 0, nil
}

// noteBacklog reads from the message's own metadata what is left behind it,
// which spares the broker a question.
func (p *puller) noteBacklog(msg *nats.Msg) {
	if meta, err := msg.Metadata(); err == nil {
		p.slots.note(p.lane, meta.NumPending)
	}
}

// isStatus tells a message of the pull protocol itself. A message of a stream
// may look like one, but always says where to acknowledge it.
func isStatus(msg *nats.Msg) bool {
	return msg.Reply == "" && len(msg.Data) == 0 && msg.Header.Get("Status") != ""
}

// status reads the broker's word on a pull request: it goes on, or it has
// ended, by itself or by an error.
func (p *puller) status(msg *nats.Msg) (ended bool, err error) {
	switch code := msg.Header.Get("Status"); code {
	case "100": // it goes on
		return false, nil
	case "404", "408": // no messages, or the request expired
		p.slots.note(p.lane, 0)
		return true, nil
	default:
		return true, fmt.Errorf("pull from %s: %s %s", p.subject, code, msg.Header.Get("Description"))
	}
}
