package ssrf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// maxRedirects is how many redirects of a download are followed.
const maxRedirects = 10

// maxHostBytes is the longest name in DNS, as it is written (RFC 1035).
const maxHostBytes = 253

// Guard decides which URLs may be fetched. It is safe for concurrent use.
type Guard struct {
	patterns []Pattern // empty: any public host, over https
}

// New returns a guard for the patterns of WORKER_RESULT_HOSTS. It reports all
// patterns that are wrong at once.
func New(patterns []string) (*Guard, error) {
	g := &Guard{}
	var problems []error
	for _, raw := range patterns {
		pattern, err := ParsePattern(raw)
		if err != nil {
			problems = append(problems, fmt.Errorf("WORKER_RESULT_HOSTS: %q %w", raw, err))
			continue
		}
		g.patterns = append(g.patterns, pattern)
	}
	return g, errors.Join(problems...)
}

// Client returns a client that checks each redirect. Its round tripper uses guarded
// transports: see [Guard.Dial]. The caller checks the first URL with [Guard.Check].
func (g *Guard) Client(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: g.checkRedirect}
}

// Dial makes a transport check each address that it dials with dialer, and removes
// its proxy. A refusal is inside the error of a request: a permanent [job.Error].
func (g *Guard) Dial(t *http.Transport, dialer net.Dialer) {
	t.Proxy = nil
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return g.guarded(dialer, host).DialContext(ctx, network, address)
	}
}

// redirected is the key of what the context of a redirected request says: that the
// API has not named where it goes.
type redirected struct{}

// guarded makes a dialer check the address that is about to be dialed, after all
// resolving: a name may have a public address and a private one, and another one
// at the next lookup. Each address is checked by itself, just before the
// connection is opened.
func (g *Guard) guarded(dialer net.Dialer, host string) *net.Dialer {
	dialer.ControlContext = func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err == nil && g.allows(normalHost(host), to) {
			return nil
		}
		if ctx.Value(redirected{}) != nil {
			return &job.Error{By: job.FileHost, Err: fmt.Errorf("the file host redirects to %q at %s, which is not followed: %s", secret.Printable(host, maxHostBytes), address, unreachable)}
		}
		return job.Fail(job.ReasonResultBlocked, "the result's host %q is at %s: %s", secret.Printable(host, maxHostBytes), address, unreachable)
	}
	return &dialer
}

// checkRedirect follows no redirect to where we may not go. That is the file host's
// word, or a filter's on the way, and not the API's: the job waits.
func (g *Guard) checkRedirect(req *http.Request, via []*http.Request) error {
	why := g.objection(req.URL)
	if len(via) > maxRedirects {
		why = fmt.Sprintf("it comes after more than %d redirects", maxRedirects)
	}
	if why != "" {
		return &job.Error{By: job.FileHost, Err: fmt.Errorf("the file host redirects to %q, which is not followed: %s", printable(req.URL), why)}
	}
	*req = *req.WithContext(context.WithValue(req.Context(), redirected{}, true))
	// net/http puts the signed URL here.
	req.Header.Del("Referer")
	return nil
}

// Check returns a permanent [job.Error] for a URL that may not be fetched. It does
// not resolve names: the address behind a name is checked when it is dialed.
func (g *Guard) Check(u *url.URL) error {
	if why := g.objection(u); why != "" {
		return blocked(u, why)
	}
	return nil
}

// objection is why a URL may not be fetched; empty if it may.
func (g *Guard) objection(u *url.URL) string {
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return "its scheme is neither https nor http"
	case u.Hostname() == "":
		return "it has no host"
	case u.User != nil:
		return "it carries a user name"
	case !isAddr(u.Hostname()) && !isHostName(u.Hostname()):
		return "its host is neither an address nor a name in ASCII"
	}
	return cmp.Or(g.hostObjection(u), g.addressObjection(u))
}

// hostObjection compares the host with WORKER_RESULT_HOSTS. Without an entry for it,
// only public hosts over https are allowed.
func (g *Guard) hostObjection(u *url.URL) string {
	for _, pattern := range g.patterns {
		if pattern.Matches(u) {
			return ""
		}
	}
	switch {
	case len(g.patterns) > 0:
		return "the host is not one that WORKER_RESULT_HOSTS names"
	case u.Scheme != "https":
		return "plain http needs the host to be named in WORKER_RESULT_HOSTS"
	case !usualPort(portOf(u)):
		return "its port needs the host to be named in WORKER_RESULT_HOSTS"
	}
	return ""
}

// addressObjection checks an address in the URL as the dialer would, so that nothing
// has to be dialed for it.
func (g *Guard) addressObjection(u *url.URL) string {
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	if err != nil {
		return "its port is not one"
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err == nil && !g.allows(normalHost(u.Hostname()), netip.AddrPortFrom(addr, uint16(port))) {
		return unreachable
	}
	return ""
}

// unreachable says what would open an address, the most careful way first.
const unreachable = "the address is not public; name the host in WORKER_RESULT_HOSTS without a wildcard, or the address itself, to allow it"

// usualPort refuses the ports of other services, to which a request could mean
// something too: no file host uses a privileged port for https but 443.
func usualPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && (n == 443 || n >= 1024)
}

// isHostName keeps to letters, digits, hyphens and the underscore that some
// object stores allow, in labels. All else has been a way to make a host look
// like another to one of two readers: signs that Unicode maps to a dot or a
// slash, percent escapes, white space. A last label that is a number would be
// read as an address by some resolvers: 2130706433, 0x7f.1 and 0177.0.0.1 are
// loopback to the C library.
func isHostName(host string) bool {
	host = normalHost(host)
	if len(host) > maxHostBytes {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

// portOf is the port that would be dialed.
func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// printable is the scheme and the host of a URL, never the rest of a signed one.
func printable(u *url.URL) string {
	return secret.Printable(u.Scheme+"://"+u.Host, maxHostBytes+32)
}

// blocked names the scheme and the host, never the rest of a signed URL.
func blocked(u *url.URL, why string) *job.Error {
	return job.Fail(job.ReasonResultBlocked, "the result's URL %q may not be fetched: %s", printable(u), why)
}
