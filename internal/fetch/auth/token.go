package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// Tokens is where bearer tokens come from. It is safe for concurrent use.
type Tokens interface {
	// Get returns a token that is good as far as can be told.
	Get(ctx context.Context) (secret.String, error)
	// Renew returns the token to use instead of one that was refused. It may
	// be the same: then there is no other.
	Renew(ctx context.Context, refused secret.String) (secret.String, error)
	// Accepted notes that the API has taken a token.
	Accepted(token secret.String)
	// Replaced notes that a request was refused with a token and taken with the next.
	Replaced(token secret.String)
	// Advice names the settings to look at when tokens are refused.
	Advice() string
}

// FixedToken returns the token that the operator gives, perhaps in a file that
// changes (NITRO_API_TOKEN).
func FixedToken(credential Credential) Tokens { return fixedToken{credential} }

type fixedToken struct{ credential Credential }

func (f fixedToken) Get(context.Context) (secret.String, error) {
	return f.read(f.credential.Secret)
}

func (f fixedToken) Renew(context.Context, secret.String) (secret.String, error) {
	return f.read(f.credential.Reread)
}

// read makes a token that cannot be read a matter of every job.
func (f fixedToken) read(from func() (secret.String, error)) (secret.String, error) {
	token, err := from()
	if err != nil {
		return secret.String{}, refused(errors.Join(errors.New("NITRO_API_TOKEN cannot be read"), err))
	}
	return token, nil
}

func (f fixedToken) Accepted(secret.String) {}
func (f fixedToken) Replaced(secret.String) {}

func (f fixedToken) Advice() string { return "check NITRO_API_TOKEN" }

// refused is the error of credentials that no job can do without.
func refused(err error) error {
	return &job.Error{Class: job.ClassRefused, By: job.API, Err: err}
}

// fetchFunc gets a new token and says how long it is good.
type fetchFunc func(context.Context) (secret.String, time.Duration, error)

// cachedTokens keeps a token until shortly before it expires. Callers that need a
// new one at the same time share one fetch, and its error. A caller that gives up
// stops waiting and leaves the fetch to the others, so the fetch must end by
// limits of its own.
type cachedTokens struct {
	fetch  fetchFunc
	log    *zap.Logger
	flight singleflight.Group

	mu         sync.Mutex
	current    secret.String // zero before the first fetch, and once it was refused
	accepted   bool          // the API has taken the current one
	fetchedAt  time.Time
	expiresAt  time.Time
	renewAt    time.Time     // when the next one is fetched
	renewed    time.Time     // when a refused token was last given up
	givenUp    secret.String // the refused one, if the API had taken it and its time was not over
	endedEarly int           // such tokens in a row whose successor was taken

	failed   error // of the last fetch
	failures int   // in a row
	retryAt  time.Time
}

// maxRetry is the longest wait before a fetch that has failed is made again.
const maxRetry = 30 * time.Second

// freshLife is how long a token is kept that the API has never taken: it may become
// good only after some time, and the next one would be younger still.
const freshLife = 3 * time.Minute

// lateInterval is between two tries to replace a token that ends soon.
const lateInterval = 10 * time.Second

// renewInterval is between two tokens that are given up because they were refused.
// One job that is always refused, or another process with the same client, must not
// make every poll fetch a token.
const renewInterval = 10 * time.Second

func (c *cachedTokens) Advice() string {
	return "check NITRO_CLIENT_ID and NITRO_CLIENT_SECRET, and whether another process that uses this client ends its tokens"
}

func (c *cachedTokens) Accepted(token secret.String) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted = c.accepted || c.current.Equal(token)
}

func (c *cachedTokens) Replaced(token secret.String) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.givenUp.IsZero() || !c.givenUp.Equal(token) {
		return
	}
	c.givenUp = secret.String{}
	c.endedEarly++
	if c.endedEarly > 1 && c.endedEarly&(c.endedEarly-1) == 0 {
		c.log.Warn("the job API ends this worker's tokens before their time; another process may use the same NITRO_CLIENT_ID, and each new token of it ends ours",
			zap.Int("times", c.endedEarly), zap.Duration("renewedEvery", renewInterval))
	}
}

func (c *cachedTokens) Renew(ctx context.Context, refused secret.String) (secret.String, error) {
	c.mu.Lock()
	now := time.Now()
	mayBecomeGood := !c.accepted && now.Sub(c.fetchedAt) < freshLife
	if c.current.Equal(refused) && !mayBecomeGood && now.Sub(c.renewed) >= renewInterval {
		c.givenUp = secret.String{}
		if c.accepted && now.Before(c.renewAt) {
			c.givenUp = c.current
		}
		c.current, c.renewed = secret.String{}, now
	}
	c.mu.Unlock()
	return c.Get(ctx)
}

func (c *cachedTokens) Get(ctx context.Context) (secret.String, error) {
	if token, err := c.known(); !token.IsZero() || err != nil {
		return token, err
	}
	fetched := c.flight.DoChan("", func() (any, error) { return c.refresh(context.WithoutCancel(ctx)) })
	select {
	case result := <-fetched:
		token, _ := result.Val.(secret.String)
		return token, result.Err
	case <-ctx.Done():
		return secret.String{}, watchdog.Interruption(ctx)
	}
}

// known returns the token if it is good, or the error of the last fetch if it is too
// soon for another one: every poll needs a token, and must not ask for it.
func (c *cachedTokens) known() (secret.String, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case now.Before(c.retryAt):
		return secret.String{}, c.failed
	case now.Before(c.renewAt):
		return c.current, nil
	default:
		return secret.String{}, nil
	}
}

// refresh fetches a token, unless another fetch has just ended.
func (c *cachedTokens) refresh(ctx context.Context) (secret.String, error) {
	if token, err := c.known(); !token.IsZero() || err != nil {
		return token, err
	}
	token, life, err := c.fetch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if err != nil && !c.current.IsZero() && now.Before(c.expiresAt) { // it is good to its end
		c.renewAt = now.Add(min(lateInterval, c.expiresAt.Sub(now)))
		return c.current, nil
	}
	if err != nil {
		known := job.AsError(err)
		c.failed, c.failures = refused(known.Err), c.failures+1 // no job can be asked about without a token
		c.retryAt = now.Add(max(min(time.Second<<min(c.failures-1, 10), maxRetry), known.RetryAfter))
		return secret.String{}, c.failed
	}
	c.failed, c.failures = nil, 0
	if !c.current.IsZero() { // its time was over
		c.endedEarly = 0
	}
	c.current, c.accepted = token, false
	c.fetchedAt, c.expiresAt, c.renewAt = now, now.Add(life), now.Add(life-margin(life))
	return token, nil
}

// margin is how long before its end a token is replaced: a minute, as in the
// vendor's sample, or a tenth of its life if that is less.
func margin(life time.Duration) time.Duration { return min(time.Minute, life/10) }
