package ssrf

import (
	"net/netip"
	"slices"
	"strconv"

	dny "code.dny.dev/ssrf"
)

// scope is where an address is. It decides what an operator has to write so that
// the address may be dialed.
type scope int

const (
	// scopeBlocked is an address that no file host has: link-local (the cloud's
	// metadata service is there), unspecified, multicast, broadcast, reserved,
	// or kept for examples and measurements.
	scopeBlocked scope = iota
	// scopePrivate is the machine and the operator's own network.
	scopePrivate
	// scopePublic is what the IANA registries call globally reachable.
	scopePublic
)

// privatePrefixes are loopback (RFC 1122, RFC 4291), private (RFC 1918, RFC
// 4193), and the shared space of RFC 6598, in which clusters number their pods.
var privatePrefixes = prefixes("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "100.64.0.0/10")

// metadataPrefixes are those services of clouds, handing out credentials to
// whoever asks, that stand outside of link-local addresses: of AWS
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html),
// Google Cloud, Alibaba Cloud, and Azure's WireServer.
var metadataPrefixes = prefixes("fd00:ec2::/32", "fd20:ce::254/128", "100.100.100.200/32", "168.63.129.16/32")

// nat64 is the prefix of RFC 6052: in a cluster without IPv4, all of the IPv4
// internet is behind it, and all that must not be reached there.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(all ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, 0, len(all))
	for _, p := range all {
		parsed = append(parsed, netip.MustParsePrefix(p))
	}
	return parsed
}

// scopeOf is the scope of the address that a connection would go to in the end.
// An address with a zone, a network card of this machine, is in no prefix and so
// is blocked.
func scopeOf(addr netip.Addr) scope {
	addr = addr.Unmap()
	switch {
	case within(metadataPrefixes, addr):
		return scopeBlocked
	case nat64.Contains(addr):
		// Behind the gateway, even a private address is blocked: the
		// network there is not the operator's.
		if b := addr.As16(); scopeOf(netip.AddrFrom4([4]byte(b[12:]))) == scopePublic {
			return scopePublic
		}
		return scopeBlocked
	case within(privatePrefixes, addr):
		return scopePrivate
	case dny.New(dny.WithAnyPort()).SafeAddr(addr) != nil:
		return scopeBlocked
	}
	return scopePublic
}

func within(all []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// allows decides about a connection to an address behind a host. A public address
// is allowed. So is an address that is an entry of WORKER_RESULT_HOSTS itself. A
// private address is allowed if its host is an entry, or if a glob matches the
// address (10.*). A glob that matches the host alone is not enough: an attacker
// can point a name below amazonaws.com at 10.0.0.1.
func (g *Guard) allows(host string, to netip.AddrPort) bool {
	addr, port := to.Addr().Unmap(), strconv.Itoa(int(to.Port()))
	where := scopeOf(addr)
	if where == scopePublic {
		return true
	}
	for _, pattern := range g.patterns {
		exact := pattern.addr.IsValid() && pattern.matches(addr.String(), port)
		named := pattern.glob && pattern.matches(addr.String(), port) || !pattern.glob && pattern.matches(host, port)
		if exact || where == scopePrivate && named {
			return true
		}
	}
	return false
}
