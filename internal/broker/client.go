package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/retry"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Health is told of the conditions "streams" and "broker"; a nil error means that
// one holds.
type Health interface {
	Set(condition string, err error)
}

// Client makes a worker's requests to JetStream. Each is made again until it is
// answered or its context ends. It is safe for concurrent use.
type Client struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	cfg    Config
	health Health

	settingUp sync.Mutex

	mu      sync.Mutex
	failing bool // health has been told that requests fail
	tried   int  // requests under way that have failed many times
}

// New returns a client of a connection that the caller owns. It makes no
// request.
func New(nc *nats.Conn, cfg Config, health Health) (*Client, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("jetstream: %w", err)
	}
	return &Client{nc: nc, js: js, cfg: cfg, health: health}, nil
}

// requestTimeout bounds one request before it is made again.
const requestTimeout = 5 * time.Second

// retryBackoff is between the tries of one request.
var retryBackoff = retry.Policy{Initial: 50 * time.Millisecond, Max: 2 * time.Second, Multiplier: 2}

// setupBackoff is between the tries to set up.
var setupBackoff = retry.Policy{Initial: 100 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2}

// manyTries of one request that fail are told to health.
const manyTries = 3

// Errors that end the tries of a request.
var (
	// ErrConflict means that the broker refused a message because another one has
	// its place: the expected sequence is not that of the last message there.
	ErrConflict = errors.New("another message stands there already")
	// errPermanent means that the broker will never take the message: it is too
	// large, or breaks a rule of the stream.
	errPermanent = errors.New("the broker refuses the message for good")
)

// SetUp is [Setup], waiting for a broker that is away. It returns a
// [Misconfigured], or the cause of ctx.
func (c *Client) SetUp(ctx context.Context) error {
	backoff := setupBackoff.BackOff()
	for {
		attempt, cancel := context.WithTimeout(ctx, requestTimeout)
		err := Setup(attempt, c.nc, c.cfg)
		cancel()
		var wrong *Misconfigured
		if err == nil || errors.As(err, &wrong) {
			c.health.Set("streams", err)
			return err
		}
		c.health.Set("streams", fmt.Errorf("waiting for JetStream: %w", err))
		select {
		case <-time.After(backoff.NextBackOff()):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Repair creates streams and consumers again that somebody deleted. It does
// nothing without a connection, or while another goroutine repairs.
func (c *Client) Repair(ctx context.Context) {
	if c.nc.Status() != nats.CONNECTED || !c.settingUp.TryLock() {
		return
	}
	defer c.settingUp.Unlock()
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := Setup(attempt, c.nc, c.cfg); ctx.Err() == nil {
		c.health.Set("streams", err)
	}
}

// retry calls try until it succeeds, ErrConflict or errPermanent ends the tries,
// or ctx ends; then it returns the last real error beside the cause.
func (c *Client) retry(ctx context.Context, what string, try func(context.Context) error) error {
	var last error
	for tries := 1; ; tries++ {
		attempt, cancel := context.WithTimeout(ctx, requestTimeout)
		err := try(attempt)
		cancel()
		if err == nil || errors.Is(err, ErrConflict) || errors.Is(err, errPermanent) {
			c.reportAnswered()
			return err
		}
		if ctx.Err() == nil || last == nil { // else it is only our own end
			last = err
		}
		if tries == manyTries {
			defer c.beginFailing()()
		}
		if tries >= manyTries {
			c.reportFailing(fmt.Errorf("%s: %w", what, last))
		}
		if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) {
			c.Repair(ctx)
		}
		select {
		case <-time.After(retryBackoff.Delay(tries - 1)):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w (last error: %w)", what, context.Cause(ctx), last)
		}
	}
}

// reportFailing tells health that the broker is there and does not do what it is
// asked to: a stream is full, or has no leader.
func (c *Client) reportFailing(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing = true
	c.health.Set("broker", err)
}

func (c *Client) reportAnswered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recovered()
}

// recovered is called with the lock held.
func (c *Client) recovered() {
	if c.failing {
		c.failing = false
		c.health.Set("broker", nil)
	}
}

// beginFailing counts a request that has failed many times until it ends. When none
// is left, an idle worker would never hear that the broker is well.
func (c *Client) beginFailing() (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.tried--; c.tried == 0 {
			c.recovered()
		}
	}
}

// Error codes of a publish with an expected sequence.
const (
	codeWrongSequence     jetstream.ErrorCode = 10071 // another message has the place
	codeSequenceUndecided jetstream.ErrorCode = 10164 // another publish is under way
)

// IsConflict reports whether the broker refused a message because another one
// has its place. See [Client] for calls that confirm it.
func IsConflict(err error) bool { return isAPIError(err, codeWrongSequence) }

// IsUndecided reports whether the broker refused a message because another
// publish to the same place is still under way: it may be tried again.
func IsUndecided(err error) bool { return isAPIError(err, codeSequenceUndecided) }

func isAPIError(err error, code jetstream.ErrorCode) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && api.ErrorCode == code
}

// blamesMessage tells an answer that blames the message from one that may pass.
func blamesMessage(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && api.Code == http.StatusBadRequest && !IsUndecided(err) || errors.Is(err, nats.ErrMaxPayload)
}
