package fetch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// tokens is where bearer tokens come from. It is safe for concurrent use.
type tokens interface {
	// get returns a token that is good as far as can be told.
	get(ctx context.Context) (secret.String, error)
	// renew returns the token to use instead of one that was refused. It may
	// be the same: then there is no other.
	renew(ctx context.Context, refused secret.String) (secret.String, error)
	// advice names the settings to look at when tokens are refused.
	advice() string
}

// fixedToken is a token that the operator gives, perhaps in a file that
// changes.
type fixedToken struct{ credential Credential }

func (f fixedToken) get(context.Context) (secret.String, error) {
	return f.read(f.credential.Secret)
}

func (f fixedToken) renew(context.Context, secret.String) (secret.String, error) {
	return f.read(f.credential.Reread)
}

// read makes a token that cannot be read a matter of every job.
func (f fixedToken) read(from func() (secret.String, error)) (secret.String, error) {
	token, err := from()
	if err != nil {
		return secret.String{}, &job.Error{Class: job.ClassRefused, By: job.API, Err: errors.Join(errors.New("NITRO_API_TOKEN cannot be read"), err)}
	}
	return token, nil
}

func (f fixedToken) advice() string { return "check NITRO_API_TOKEN" }

// cachedTokens keeps a token until shortly before it expires. One caller at a
// time fetches a new one, under its own context, while the others wait and
// share what comes of it; so no goroutine is needed, and a caller that gives
// up takes nobody with it.
type cachedTokens struct {
	fetch func(ctx context.Context) (secret.String, time.Duration, error)
	turn  chan struct{} // holds one value while a fetch is under way

	mu      sync.Mutex
	current grantedToken
	renewAt time.Time
	fetches int // how many have ended
}

// grantedToken is what came of a fetch. Neither member is set before the first
// one, and once the token has been refused.
type grantedToken struct {
	value secret.String
	err   error
}

// newCachedTokens gets its tokens, and how long they are good, from fetch.
func newCachedTokens(fetch func(context.Context) (secret.String, time.Duration, error)) *cachedTokens {
	return &cachedTokens{fetch: fetch, turn: make(chan struct{}, 1)}
}

func (c *cachedTokens) advice() string { return "check NITRO_CLIENT_ID and NITRO_CLIENT_SECRET" }

func (c *cachedTokens) renew(ctx context.Context, refused secret.String) (secret.String, error) {
	c.mu.Lock()
	if c.current.value.Equal(refused) {
		c.current = grantedToken{}
	}
	c.mu.Unlock()
	return c.get(ctx)
}

func (c *cachedTokens) get(ctx context.Context) (secret.String, error) {
	token, before := c.look()
	if !token.IsZero() {
		return token, nil
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return secret.String{}, interruption(ctx)
	}
	if shared, ended := c.since(before); ended {
		return shared.value, shared.err
	}
	token, life, err := c.fetch(ctx)
	if ctx.Err() == nil {
		c.store(token, life, err)
	}
	return token, err
}

// look returns the token if it is good, and how many fetches have ended.
func (c *cachedTokens) look() (secret.String, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.renewAt) {
		return c.current.value, c.fetches
	}
	return secret.String{}, c.fetches
}

// since returns what came of a fetch that ended while the caller waited for
// its turn. Without that, a token endpoint that hangs would make every caller
// wait for it in turn.
func (c *cachedTokens) since(before int) (shared grantedToken, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current, c.fetches != before && (c.current.err != nil || !c.current.value.IsZero())
}

// store keeps what came of a fetch. An error is kept for those alone who were
// waiting for it: renewAt makes the next caller try again.
func (c *cachedTokens) store(token secret.String, life time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fetches++
	c.current, c.renewAt = grantedToken{value: token, err: err}, time.Now().Add(life-margin(life))
	if err != nil {
		c.renewAt = time.Time{}
	}
}

// margin is how long before its end a token is replaced: a minute, as in the
// vendor's sample, or a tenth of its life if that is less.
func margin(life time.Duration) time.Duration { return min(time.Minute, life/10) }
