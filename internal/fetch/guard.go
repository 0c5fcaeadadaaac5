package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jobferry/jobferry/internal/job"
)

// maxRedirects is how many redirects of a download are followed.
const maxRedirects = 5

// maxHostBytes is the longest name in DNS, as it is written (RFC 1035).
const maxHostBytes = 253

// guard decides which URLs may be fetched. The URL of a result comes from
// outside: without a guard it could name the cloud's metadata service or the
// worker's neighbors.
type guard struct {
	named    []hostPattern // empty: any public host, over https
	resolver *net.Resolver // nil: the system's
}

// newGuard reads the patterns and reports all that are wrong at once.
func newGuard(patterns []string) (*guard, error) {
	g := &guard{}
	var problems []error
	for _, raw := range patterns {
		pattern, err := parseHostPattern(raw)
		if err != nil {
			problems = append(problems, fmt.Errorf("WORKER_RESULT_HOSTS: %q %w", raw, err))
			continue
		}
		g.named = append(g.named, pattern)
	}
	return g, errors.Join(problems...)
}

// check returns a permanent [job.Error] for a URL that may not be fetched. It is asked
// for each URL and for each redirect; the address behind a name is the
// dialer's part.
func (g *guard) check(u *url.URL) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return blocked(u, "its scheme is neither https nor http")
	case u.Hostname() == "":
		return blocked(u, "it has no host")
	case u.User != nil:
		return blocked(u, "it carries a user name")
	case !isAddr(u.Hostname()) && !isHostName(u.Hostname()):
		return blocked(u, "its host is neither an address nor a name in ASCII")
	}
	if err := g.checkNamed(u); err != nil {
		return err
	}
	return g.checkAddress(u)
}

// checkNamed holds the host against WORKER_RESULT_HOSTS.
func (g *guard) checkNamed(u *url.URL) error {
	for _, pattern := range g.named {
		if pattern.matches(u) {
			return nil
		}
	}
	switch {
	case len(g.named) > 0:
		return blocked(u, "the host is not one that WORKER_RESULT_HOSTS names")
	case u.Scheme != "https":
		return blocked(u, "plain http needs the host to be named in WORKER_RESULT_HOSTS")
	case !usualPort(portOf(u)):
		return blocked(u, "its port needs the host to be named in WORKER_RESULT_HOSTS")
	}
	return nil
}

// checkAddress asks about an address in the URL what the dialer would ask
// later, so that nothing has to be resolved or dialed for it.
func (g *guard) checkAddress(u *url.URL) error {
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	if err != nil {
		return blocked(u, "its port is not one")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err == nil && !g.mayReach(normalHost(u.Hostname()), netip.AddrPortFrom(addr, uint16(port))) {
		return blocked(u, unreachable)
	}
	return nil
}

// unreachable says what would open an address, the most careful way first.
const unreachable = "the address is not public; name the host in WORKER_RESULT_HOSTS without a wildcard, or the address itself, to allow it"

// usualPort refuses the ports of other services, to which a request could mean
// something too: nobody serves files over https on a privileged port but 443.
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

// blocked names the scheme and the host, never the rest of a signed URL.
func blocked(u *url.URL, why string) *job.Error {
	return job.Fail(job.ReasonResultBlocked, "the result's URL %q may not be fetched: %s", printable(u.Scheme+"://"+u.Host, maxHostBytes+32), why)
}

// dial is for the transport of downloads: what it is given has been checked as
// a URL.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return g.dialer(host).DialContext(ctx, network, address)
}

// dialer checks the address that is about to be dialed, after all resolving: a
// name may have one public address and one that is not, and another one at the
// second look. Each address is checked by itself, just before the connection
// is opened; one that is refused is never sent a packet.
func (g *guard) dialer(host string) *net.Dialer {
	return &net.Dialer{
		Timeout: dialTimeout, KeepAlive: keepAlive, Resolver: g.resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !g.mayReach(normalHost(host), to) {
				return job.Fail(job.ReasonResultBlocked, "the result's host %q is at %s: %s", printable(host, maxHostBytes), address, unreachable)
			}
			return nil
		},
	}
}

// The limits of a new connection, to the API as to file hosts.
const (
	dialTimeout = 10 * time.Second
	keepAlive   = 15 * time.Second
)
