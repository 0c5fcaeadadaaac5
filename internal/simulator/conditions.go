package simulator

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Conditions are what is the matter with the API as a whole. The zero value is
// fair weather.
type Conditions struct {
	// Unauthorized refuses every token, also new ones.
	Unauthorized bool
	// Down answers every call of the API 503, TokenDown those for a token.
	Down      bool
	TokenDown bool
	// OneToken ends all tokens when a new one is issued.
	OneToken bool
	// RateLimit is how many calls a second are answered; the others get 429
	// with Retry-After and extensions.retry_after. 0 for no limit.
	RateLimit float64
	// SnakeCase answers a token as access_token, token_type, expires_in.
	SnakeCase bool
	// Milliseconds gives the token's life in milliseconds.
	Milliseconds bool
}

// conditionsBox holds the conditions of the moment.
type conditionsBox struct {
	mu      sync.Mutex
	current Conditions
	limiter *rate.Limiter
}

func newConditionsBox() *conditionsBox {
	return &conditionsBox{limiter: rate.NewLimiter(rate.Inf, 0)}
}

func (b *conditionsBox) set(c Conditions) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current = c
	b.limiter = rate.NewLimiter(rate.Inf, 0)
	if c.RateLimit > 0 {
		b.limiter = rate.NewLimiter(rate.Limit(c.RateLimit), max(int(c.RateLimit), 1))
	}
}

func (b *conditionsBox) get() Conditions {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current
}

func (b *conditionsBox) allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limiter.AllowN(now, 1)
}
