package fetch

import (
	"errors"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// hostPattern is one entry of WORKER_RESULT_HOSTS.
type hostPattern struct {
	host string
	addr netip.Addr // valid when the host is an address
	port string     // empty: any
	glob bool       // the host has a wildcard
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
	return hostPattern{host: host, port: port, glob: strings.ContainsAny(host, `*?[\`)}, nil
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
func (p hostPattern) matches(u *url.URL) bool { return p.names(normalHost(u.Hostname()), portOf(u)) }

// names is matches for a host that is normal and a port that is known.
func (p hostPattern) names(host, port string) bool {
	if p.port != "" && p.port != port {
		return false
	}
	if p.addr.IsValid() {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr.Unmap() == p.addr
	}
	matched, err := path.Match(p.host, host)
	return err == nil && matched
}
