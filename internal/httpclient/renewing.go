// Package httpclient has what the worker's HTTP clients have in common.
package httpclient

import (
	"net/http"
	"sync"
	"time"
)

// ConnLife is how long a connection is used for new requests. A name may lead
// elsewhere by then: under load a connection is never idle for long, and would be
// used as long as its server answers.
const ConnLife = 5 * time.Minute

// Renewing is an [http.RoundTripper] whose connections take no new request when they
// are older than [ConnLife]. Requests under way go on. It is safe for concurrent
// use.
type Renewing struct {
	build func() *http.Transport

	mu      sync.Mutex
	current *http.Transport
	born    time.Time
}

// Renew returns a round tripper with the transports that build makes, one after the
// other. They must have an IdleConnTimeout, which ends the connections of those that
// are not used any more.
func Renew(build func() *http.Transport) *Renewing {
	return &Renewing{build: build, current: build(), born: time.Now()}
}

// RoundTrip implements the interface.
func (r *Renewing) RoundTrip(req *http.Request) (*http.Response, error) {
	return r.Transport().RoundTrip(req)
}

// Transport is the one that the next request uses.
func (r *Renewing) Transport() *http.Transport {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.born) >= ConnLife {
		old := r.current
		r.current, r.born = r.build(), time.Now()
		old.CloseIdleConnections()
	}
	return r.current
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] calls.
func (r *Renewing) CloseIdleConnections() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current.CloseIdleConnections()
}
