package fetch

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"github.com/jobferry/jobferry/internal/job"
)

// maxRedirects is how many redirects of a download are followed.
const maxRedirects = 5

// guard decides which URLs may be fetched. The URL of a result comes from
// outside: without a guard it could name the cloud's metadata service or the
// worker's neighbors.
type guard struct {
	named []hostPattern // empty: any public host, over https
}

// hostPattern is one entry of WORKER_RESULT_HOSTS.
type hostPattern struct {
	host string
	addr netip.Addr // valid when the host is an address
	port string     // empty: any
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

// parseHostPattern reads host, host:port, an IPv6 address with or without
// brackets, or [address]:port.
func parseHostPattern(raw string) (hostPattern, error) {
	host, port := strings.TrimSpace(raw), ""
	if bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"); isAddr(bare) {
		host = bare
	} else if at := strings.LastIndexByte(host, ':'); at >= 0 {
		host, port = strings.TrimSuffix(strings.TrimPrefix(host[:at], "["), "]"), host[at+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return hostPattern{}, errors.New("has a port that is not a number from 1 to 65535")
		}
	}
	host = normalHost(host)
	addr, _ := netip.ParseAddr(host)
	if addr.IsValid() {
		return hostPattern{host: host, addr: addr.Unmap(), port: port}, nil
	}
	if _, err := path.Match(host, ""); err != nil || host == "" || strings.ContainsAny(host, "/@:# ") {
		return hostPattern{}, errors.New("is not a host name, an address or a glob, with an optional port")
	}
	return hostPattern{host: host, port: port}, nil
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// normalHost makes two spellings of a host name one: case and the root's dot do
// not matter in DNS.
func normalHost(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// matches compares addresses as addresses, so that no other spelling of one
// slips by, or is refused.
func (p hostPattern) matches(u *url.URL) bool {
	if p.port != "" && p.port != portOf(u) {
		return false
	}
	host := normalHost(u.Hostname())
	if p.addr.IsValid() {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr.Unmap() == p.addr
	}
	matched, err := path.Match(p.host, host)
	return err == nil && matched
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

// check returns a [job.Failure] for a URL that may not be fetched. It is asked
// for each URL and for each redirect; the address behind the name is the
// dialer's part.
func (g *guard) check(u *url.URL) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return blocked(u, "its scheme is neither https nor http")
	case u.Hostname() == "":
		return blocked(u, "it has no host")
	case u.User != nil:
		return blocked(u, "it carries a user name")
	}
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
	}
	return nil
}

// blocked names the scheme and the host, never the rest of a signed URL.
func blocked(u *url.URL, why string) *job.Failure {
	return job.Fail(job.ReasonResultBlocked, "the result's URL %q may not be fetched: %s", u.Scheme+"://"+u.Host, why)
}

// dialer refuses every address that is not public, unless hosts are named:
// then the names have been checked, and what they resolve to is the operator's
// own network. The check is on the address about to be dialed, so that no
// trick with names gets round it.
func (g *guard) dialer() *net.Dialer {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	if len(g.named) > 0 {
		return d
	}
	public := ssrf.New(ssrf.WithAnyPort())
	d.Control = func(network, address string, conn syscall.RawConn) error {
		if err := public.Safe(network, address, conn); err != nil {
			return job.Fail(job.ReasonResultBlocked,
				"the result's host is at %s, which is not a public address; name the host in WORKER_RESULT_HOSTS to allow it", address)
		}
		return nil
	}
	return d
}
