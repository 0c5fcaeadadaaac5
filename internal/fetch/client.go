package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/fetch/answer"
	"github.com/jobferry/jobferry/internal/fetch/auth"
	"github.com/jobferry/jobferry/internal/fetch/download"
	"github.com/jobferry/jobferry/internal/fetch/ssrf"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/httpclient"
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
	cfg       Config
	base      *url.URL
	log       *zap.Logger
	metrics   *metrics
	tokens    auth.Tokens
	api       *http.Client
	files     *http.Client
	answers   *answer.Reader
	downloads *download.Opener
}

// New returns a client for a valid configuration. It makes no request.
func New(cfg Config, log *zap.Logger, reg prometheus.Registerer) (*Client, error) {
	if log == nil || reg == nil {
		return nil, errors.New("fetch: a logger and a registerer are required")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	base, err := ParseBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	guard, err := ssrf.New(cfg.ResultHosts)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("register the metrics of the job API: %w", err)
	}
	files, err := httpclient.NewTLS(cfg.TLS)
	if err != nil {
		return nil, fmt.Errorf("NITRO_API_CA, NITRO_API_CERT and NITRO_API_KEY: %w", err)
	}
	cfg = cfg.withDefaults()
	if proxy := ProxyNotUsed(); proxy != "" {
		log.Warn(NoProxyForFiles, zap.String("proxy", proxy))
	}
	c := &Client{cfg: cfg, base: base, log: log, metrics: metrics, answers: answer.NewReader(answer.Limits{Result: cfg.MaxResultBytes})}
	c.api, c.files = c.apiClient(files), c.fileClient(guard, newDialer())
	c.tokens = auth.ClientCredentials(cfg.ClientID, cfg.ClientSecret, c.postForToken, log)
	if cfg.Token != nil {
		c.tokens = auth.FixedToken(cfg.Token)
	}
	c.downloads = &download.Opener{
		Client: c.files, Check: guard.Check, UserAgent: userAgent,
		MaxBytes: cfg.MaxResultBytes, IdleLimit: cfg.IdleLimit, StallLimit: cfg.StallLimit, RenewDelay: cfg.RenewDelay, MinRate: c.minRate(),
		Resumed: metrics.resumes, Renewed: metrics.renewals,
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
func (c *Client) apiClient(files *httpclient.TLS) *http.Client {
	return &http.Client{
		Transport: httpclient.Renew(func() *http.Transport {
			dialer := newDialer()
			t := c.transport()
			t.DialContext = dialer.DialContext
			t.Proxy = http.ProxyFromEnvironment
			t.TLSClientConfig = files.Config()
			t.DisableCompression = true // package answer undoes it, also where it is said wrongly
			return t
		}),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// fileClient requests nothing but what the guard allows. It leaves bytes as they
// are sent.
func (c *Client) fileClient(guard *ssrf.Guard, dialer net.Dialer) *http.Client {
	return guard.Client(httpclient.Renew(func() *http.Transport {
		t := c.transport()
		t.DisableCompression = true
		guard.Dial(t, dialer)
		return t
	}))
}

func newDialer() net.Dialer {
	return net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
}

// transport is what both sides have in common. Each has its own: a connection
// pool that both used could lend the API's connections to a result's URL.
func (c *Client) transport() *http.Transport {
	return &http.Transport{
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

// errUnauthorized is a 401 to a token that could not be replaced, or to a fresh one.
var errUnauthorized = errors.New("the job API refuses the token with 401")

// call makes an authorized GET. A token that is refused is replaced once.
func (c *Client) call(ctx context.Context, e endpoint, path ...string) (*watchdog.Response, error) {
	token, err := c.tokens.Get(ctx)
	if err != nil {
		return nil, err
	}
	r, err := c.authorized(ctx, e, token, path)
	if err != nil || r.StatusCode != http.StatusUnauthorized {
		return r, err
	}
	r.Drain()
	fresh, err := c.tokens.Renew(ctx, token)
	if err != nil {
		return nil, err
	}
	if !fresh.Equal(token) {
		r, err = c.authorized(ctx, e, fresh, path)
		if err != nil || r.StatusCode != http.StatusUnauthorized {
			if isTaken(r, err) {
				c.tokens.Replaced(token)
			}
			return r, err
		}
		r.Drain()
	}
	return nil, &job.Error{Class: job.ClassRefused, By: job.API, Err: fmt.Errorf("%w; %s", errUnauthorized, c.tokens.Advice())}
}

// authorized is get, and notes a token that is taken. A gateway may answer in the
// place of the API: then a token is only replaced sooner.
func (c *Client) authorized(ctx context.Context, e endpoint, token secret.String, path []string) (*watchdog.Response, error) {
	r, err := c.get(ctx, e, token, path)
	if isTaken(r, err) {
		c.tokens.Accepted(token)
	}
	return r, err
}

// isTaken reports whether the answer is one that the API gives to a token that it
// takes.
func isTaken(r *watchdog.Response, err error) bool {
	return err == nil && (r.StatusCode == http.StatusOK || r.StatusCode == http.StatusNotFound)
}

// get makes one authorized request.
func (c *Client) get(ctx context.Context, e endpoint, token secret.String, path []string) (*watchdog.Response, error) {
	header := http.Header{"Authorization": {"Bearer " + token.Reveal()}}
	r, err := c.send(ctx, e, http.MethodGet, header, nil, path...)
	if err != nil {
		return nil, answer.During("ask the job API", err)
	}
	return r, nil
}

// postForToken is the [auth.Post] of the API.
func (c *Client) postForToken(ctx context.Context, body []byte) (*watchdog.Response, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	return c.send(ctx, endpointToken, http.MethodPost, header, body, "oauth", "token")
}

// send makes one request of the API and counts it.
func (c *Client) send(ctx context.Context, e endpoint, method string, header http.Header, body []byte, path ...string) (*watchdog.Response, error) {
	header.Set("Accept", "application/json")
	header.Set("User-Agent", userAgent)
	header.Set("Accept-Encoding", "gzip")
	began := time.Now()
	r, err := watchdog.Send(ctx, c.api, watchdog.Request{
		Method: method, URL: c.base.JoinPath(path...), Header: header, Body: body,
		OpenLimit: c.cfg.RequestTimeout, IdleLimit: c.cfg.IdleLimit, MinRate: c.minRate(),
	})
	if err != nil {
		c.metrics.observe(e, codeError, time.Since(began))
		return nil, c.throughProxy(err)
	}
	c.metrics.observe(e, codeLabel(r.StatusCode), time.Since(began))
	answer.Decode(r)
	return r, nil
}

// throughProxy names the proxy of a request that failed: it may be the proxy's fault.
func (c *Client) throughProxy(err error) error {
	proxy, lookup := http.ProxyFromEnvironment(&http.Request{URL: c.base})
	if lookup != nil || proxy == nil {
		return err
	}
	return fmt.Errorf("through the proxy %s (HTTPS_PROXY, HTTP_PROXY, NO_PROXY): %w", proxy.Host, err)
}

// NoProxyForFiles says that downloads do not use the proxy that there is.
const NoProxyForFiles = "HTTPS_PROXY is for the job API alone: results are downloaded without it, so the file hosts have to be reachable directly"

// ProxyNotUsed returns the proxy of HTTPS_PROXY, or nothing. Downloads do not use it:
// it would dial addresses that nobody has checked.
func ProxyNotUsed() string {
	anywhere := &http.Request{URL: &url.URL{Scheme: "https", Host: "files.example"}}
	proxy, err := http.ProxyFromEnvironment(anywhere)
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.Host
}

// minRate is asked of every source.
func (c *Client) minRate() watchdog.MinRate {
	return watchdog.MinRate{Rate: c.cfg.MinRate, Window: c.cfg.RateWindow}
}
