package fetch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// userAgent names the worker to the API and to file hosts.
const userAgent = "jobferry"

// maxHeaderBytes is how much of an answer's header is read, in bytes. Servers
// commonly allow 8 to 64 KiB; net/http would take 10 MiB.
const maxHeaderBytes = 256 << 10

// Client talks to the job API and to the hosts of its results. It is safe for
// concurrent use. The two never share a connection, a header or a redirect:
// the token stays with the API.
type Client struct {
	cfg     Config
	base    *url.URL
	log     *zap.Logger
	metrics *metrics
	guard   *guard
	tokens  tokens
	api     *http.Client
	files   *http.Client
	windows sync.Pool // of *bufio.Reader, windowBytes each
	lists   *budget   // of the files that answers hold

	overhead int64 // maxOverhead
}

// New returns a client for a valid configuration. It makes no request.
func New(cfg Config, log *zap.Logger, reg prometheus.Registerer) (*Client, error) {
	if log == nil || reg == nil {
		return nil, errors.New("fetch: a logger and a registerer are required")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	base, err := parseBase(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	guard, err := newGuard(cfg.ResultHosts)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("register the metrics of the job API: %w", err)
	}
	c := &Client{cfg: cfg.withDefaults(), base: base, log: log, metrics: metrics, guard: guard, lists: newBudget(), overhead: maxOverhead}
	c.windows.New = func() any { return bufio.NewReaderSize(nil, windowBytes) }
	c.api, c.files = c.apiClient(), c.fileClient()
	c.tokens = newCachedTokens(c.fetchToken)
	if cfg.Token != nil {
		c.tokens = fixedToken{cfg.Token}
	}
	return c, nil
}

// Close closes the connections that are not in use.
func (c *Client) Close() {
	c.api.CloseIdleConnections()
	c.files.CloseIdleConnections()
}

// apiClient follows no redirect, not even one to another path: its requests
// carry a token, or the client's secret. HTTPS_PROXY, HTTP_PROXY and NO_PROXY
// hold for it as everywhere, because the operator names the API; over https a
// proxy sees a tunnel and no token.
func (c *Client) apiClient() *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	t := c.transport(dialer.DialContext)
	t.Proxy = http.ProxyFromEnvironment
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// fileClient knows no proxy: a proxy resolves and dials for itself, where the
// guard cannot see it. It leaves bytes as they are sent.
func (c *Client) fileClient() *http.Client {
	t := c.transport(c.guard.dial)
	t.DisableCompression = true
	return &http.Client{
		Transport: t,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return blocked(req.URL, fmt.Sprintf("it comes after more than %d redirects", maxRedirects))
			}
			// net/http puts the signed URL here.
			req.Header.Del("Referer")
			return c.guard.check(req.URL)
		},
	}
}

// dialFunc opens connections for a transport.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// transport is what both sides have in common. Each has its own: a connection
// pool that both used could lend the API's connections to a result's URL.
func (c *Client) transport(dial dialFunc) *http.Transport {
	return &http.Transport{
		DialContext:            dial,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    c.cfg.IdleConns,
		IdleConnTimeout:        90 * time.Second,
		ResponseHeaderTimeout:  c.cfg.RequestTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		// A connection that many requests share must not die unnoticed.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// call makes an authorized GET. A token that is refused is replaced once.
func (c *Client) call(ctx context.Context, e endpoint, path ...string) (*response, error) {
	token, err := c.tokens.get(ctx)
	if err != nil {
		return nil, err
	}
	r, err := c.get(ctx, e, token, path)
	if err != nil || r.StatusCode != http.StatusUnauthorized {
		return r, err
	}
	r.drain()
	fresh, err := c.tokens.renew(ctx, token)
	if err != nil {
		return nil, err
	}
	if !fresh.Equal(token) {
		r, err = c.get(ctx, e, fresh, path)
		if err != nil || r.StatusCode != http.StatusUnauthorized {
			return r, err
		}
		r.drain()
	}
	return nil, &job.Error{Class: job.ClassRefused, By: job.API, Err: fmt.Errorf("the job API refuses the token with 401; %s", c.tokens.advice())}
}

// get makes one authorized request.
func (c *Client) get(ctx context.Context, e endpoint, token secret.String, path []string) (*response, error) {
	header := http.Header{"Authorization": {"Bearer " + token.Reveal()}}
	r, err := c.send(ctx, e, http.MethodGet, header, nil, path...)
	if err != nil {
		return nil, during("ask the job API", err)
	}
	return r, nil
}

// pace is what is asked of every source.
func (c *Client) pace() pace { return pace{rate: c.cfg.MinRate, window: c.cfg.RateWindow} }

// send makes one request of the API and counts it.
func (c *Client) send(ctx context.Context, e endpoint, method string, header http.Header, body []byte, path ...string) (*response, error) {
	header.Set("Accept", "application/json")
	header.Set("User-Agent", userAgent)
	began := time.Now()
	r, err := send(ctx, c.api, request{
		method: method, url: c.base.JoinPath(path...), header: header, body: body,
		openLimit: c.cfg.RequestTimeout, idleLimit: c.cfg.IdleLimit, pace: c.pace(),
	})
	if err != nil {
		c.metrics.observe(e, codeError, time.Since(began))
		return nil, err
	}
	c.metrics.observe(e, codeLabel(r.StatusCode), time.Since(began))
	return r, nil
}
