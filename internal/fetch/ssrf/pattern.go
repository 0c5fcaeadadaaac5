package ssrf

import (
	"errors"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Pattern is one entry of WORKER_RESULT_HOSTS. The zero value matches nothing.
type Pattern struct {
	host string
	addr netip.Addr // valid when the host is an address
	port string     // empty: any
	glob bool       // the host has a wildcard
}

// ParsePattern reads host, host:port, an IPv6 address with or without brackets,
// or [address]:port. A host may be a glob; its star matches dots too. The error
// continues a sentence about raw: it says what raw has or is not.
func ParsePattern(raw string) (Pattern, error) {
	host, port := strings.TrimSpace(raw), ""
	if bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"); isAddr(bare) {
		host = bare
	} else if at := strings.LastIndexByte(host, ':'); at >= 0 {
		host, port = strings.TrimSuffix(strings.TrimPrefix(host[:at], "["), "]"), host[at+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return Pattern{}, errors.New("has a port that is not a number from 1 to 65535")
		}
	}
	host = normalHost(host)
	addr, _ := netip.ParseAddr(host)
	if addr.IsValid() {
		return Pattern{host: host, addr: addr.Unmap(), port: port}, nil
	}
	if _, err := path.Match(host, ""); err != nil || host == "" || strings.ContainsAny(host, "/@:#? \t") {
		return Pattern{}, errors.New("is not a host name, an address or a glob, with an optional port")
	}
	return Pattern{host: host, port: port, glob: strings.ContainsAny(host, `*[\`)}, nil
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// normalHost makes two spellings of a host name one: case and the root's dot do
// not matter in DNS.
func normalHost(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// Matches reports whether the host and the port of a URL match. Addresses are
// compared as addresses, in whatever way they are spelled.
func (p Pattern) Matches(u *url.URL) bool { return p.matches(normalHost(u.Hostname()), portOf(u)) }

// matches is Matches for a host as normalHost returns it.
func (p Pattern) matches(host, port string) bool {
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
