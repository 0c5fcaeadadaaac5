// Package pull takes messages from one JetStream consumer, no more than there are
// free slots, and keeps each as long as it is worked on.
package pull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/retry"
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

// pullBackoff is between failed pulls.
var pullBackoff = retry.Policy{Initial: 100 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2}

// Message is a message on its way from the puller to its handler.
type Message struct {
	Lane limit.Lane
	Msg  *nats.Msg
	// Since is when it may have been delivered at the earliest, and its ack wait
	// begun: it may have lain in a stopped process or a stalled connection.
	Since time.Time
}

// Config is what a puller needs. All members but Limiter are required.
type Config struct {
	Lane     limit.Lane
	Conn     *nats.Conn
	Stream   string
	Consumer string // its name
	AckWait  time.Duration
	Polls    *limit.Polls
	Limiter  *rate.Limiter                   // of messages a second, nil for no limit
	Admit    func(ctx context.Context) error // blocks while polling is paused
	Handle   func(Message)                   // takes over the message and its slot; must not block
	Report   func(limit.Lane, error)         // told how each pull ended
	Log      *zap.Logger
}

// Puller asks one consumer for messages, exactly as many as there are free slots.
// The client library's iterators do not fit: one buffers ahead, and Fetch
// unsubscribes when its context ends. Messages under way would be lost until the
// ack wait, and count as a crash. Here a stop hands over every last message.
type Puller struct {
	Config

	subject     string        // of pull requests
	listen      time.Duration // how long a request waits at the broker
	inbox       string
	sub         *nats.Subscription
	arrived     chan *nats.Msg
	asked       time.Time // when the request was made that the broker answers now
	reconnected chan nats.Status
}

// New returns a puller that has not started.
func New(cfg Config) *Puller {
	return &Puller{
		Config:  cfg,
		subject: "$JS.API.CONSUMER.MSG.NEXT." + cfg.Stream + "." + cfg.Consumer,
		// So short that the age of a message that answers is known well enough.
		listen: cfg.AckWait / 6,
	}
}

type pullRequest struct {
	Batch   int           `json:"batch"`
	Expires time.Duration `json:"expires,omitempty"`
	NoWait  bool          `json:"no_wait,omitempty"`
}

// errPullLost means that the broker has gone silent on a pull request.
var errPullLost = errors.New("the broker went silent on a pull request")

// Run pulls until ctx ends, and returns when every message that the broker
// sent has been handed over.
func (p *Puller) Run(ctx context.Context) error {
	if err := p.subscribe(); err != nil {
		return err
	}
	p.reconnected = p.Conn.StatusChanged(nats.CONNECTED)
	defer p.Conn.RemoveStatusListener(p.reconnected)

	backoff := pullBackoff.BackOff()
	for n := 0; ctx.Err() == nil; n++ {
		err := p.next(ctx, n)
		if ctx.Err() != nil {
			break
		}
		p.Report(p.Lane, err)
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

// subscribe listens on a new inbox, and no longer on an earlier one: answers to a
// request that was taken for lost must not be mixed with those to the next.
func (p *Puller) subscribe() (err error) {
	if p.sub != nil {
		_ = p.sub.Unsubscribe() // it fails only with the connection
	}
	p.arrived = make(chan *nats.Msg, 2*p.Polls.Total()+64)
	p.inbox = p.Conn.NewInbox()
	if p.sub, err = p.Conn.ChanSubscribe(p.inbox+".*", p.arrived); err != nil {
		return fmt.Errorf("subscribe for pulls: %w", err)
	}
	return nil
}

// stop ends the subscription and hands over what was under way. Drain, unlike
// Unsubscribe, keeps what the broker sends until it has read that nobody
// listens any more; after the flush all of that is here. Without a connection
// there is nothing under way.
func (p *Puller) stop() {
	if p.Conn.Status() != nats.CONNECTED {
		_ = p.sub.Unsubscribe()
	} else if err := errors.Join(p.sub.Drain(), p.Conn.FlushTimeout(drainLost)); err != nil {
		p.Log.Debug("pulling ended without a connection", zap.Stringer("lane", p.Lane), zap.Error(err))
	}
	for {
		select {
		case msg := <-p.arrived:
			if !isStatus(msg) {
				p.Polls.Add(p.Lane)
				p.Handle(Message{p.Lane, msg, p.asked})
			}
		default:
			return
		}
	}
}

// next makes one pull request and hands its messages over.
func (p *Puller) next(ctx context.Context, n int) error {
	if err := p.Admit(ctx); err != nil {
		return err
	}
	req, err := p.Polls.Take(ctx, p.Lane)
	if err != nil {
		return err
	}
	if p.Limiter != nil {
		if err := p.Limiter.Wait(ctx); err != nil {
			p.Polls.Release(p.Lane, req.Count)
			return err
		}
	}
	for len(p.reconnected) > 0 { // it was before this request
		<-p.reconnected
	}
	inbox := fmt.Sprintf("%s.%d", p.inbox, n)
	if err := p.ask(inbox, req); err != nil {
		p.Polls.Release(p.Lane, req.Count)
		return err
	}
	left, err := p.receive(ctx, inbox, req)
	p.Polls.Release(p.Lane, left)
	return err
}

func (p *Puller) ask(inbox string, req limit.Request) error {
	body := pullRequest{Batch: req.Count, Expires: p.listen}
	if req.Pending {
		body = pullRequest{Batch: req.Count, NoWait: true}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	p.asked = time.Now()
	return p.Conn.PublishRequest(p.subject, inbox, data)
}

// receive hands messages over until the request has ended, and returns how
// many of its slots were not used. When ctx ends the request is not left
// alone before it has ended or is quiet: the broker may be sending already.
func (p *Puller) receive(ctx context.Context, inbox string, req limit.Request) (left int, err error) {
	silence := answerLost
	if !req.Pending {
		silence += p.listen
	}
	lost, stopped := time.NewTimer(silence), ctx.Done()
	defer lost.Stop()
	for left = req.Count; left > 0; lost.Reset(silence) {
		select {
		case msg := <-p.arrived:
			if !isStatus(msg) {
				left--
				p.notePending(msg)
				p.Handle(Message{p.Lane, msg, p.asked})
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
			if req.Pending {
				silence = drainLost
			}
		}
	}
	return 0, nil
}

// notePending reads from the message's own metadata how many are behind it. That
// saves a request.
func (p *Puller) notePending(msg *nats.Msg) {
	if meta, err := msg.Metadata(); err == nil {
		p.Polls.SetPending(p.Lane, meta.NumPending)
	}
}

// isStatus tells a message of the pull protocol itself. A message of a stream
// may look like one, but always says where to acknowledge it.
func isStatus(msg *nats.Msg) bool {
	return msg.Reply == "" && len(msg.Data) == 0 && msg.Header.Get("Status") != ""
}

// status reads the broker's word on a pull request: it goes on, or it has
// ended, by itself or by an error.
func (p *Puller) status(msg *nats.Msg) (ended bool, err error) {
	switch code := msg.Header.Get("Status"); code {
	case "100": // it goes on
		return false, nil
	case "404", "408": // no messages, or the request expired
		p.Polls.SetPending(p.Lane, 0)
		return true, nil
	default:
		return true, fmt.Errorf("pull from %s: %s %s", p.subject, code, msg.Header.Get("Description"))
	}
}
