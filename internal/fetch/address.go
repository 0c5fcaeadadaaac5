package fetch

import (
	"net/netip"
	"strconv"

	"code.dny.dev/ssrf"
)

// reach says how far away an address is, which decides what an operator has to
// write so that it may be fetched from.
type reach int

const (
	// nowhere is an address that no file host has: link-local (the cloud's
	// metadata service is there), unspecified, multicast, broadcast, reserved,
	// or kept for examples and measurements. It is its own name only.
	nowhere reach = iota
	// local is the machine and the operator's own network.
	local
	// public is what the IANA registries call globally reachable.
	public
)

// localPrefixes are loopback (RFC 1122, RFC 4291), private (RFC 1918, RFC
// 4193), and the shared space of RFC 6598, in which clusters number their pods.
var localPrefixes = prefixes("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "100.64.0.0/10")

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

// reachOf judges the address that a connection would go to in the end. One with
// a zone, a network card of this machine, is in no prefix and so is nowhere.
func reachOf(addr netip.Addr) reach {
	addr = addr.Unmap()
	switch {
	case within(metadataPrefixes, addr):
		return nowhere
	case nat64.Contains(addr):
		// What is private behind the gateway is nobody's to name by the
		// name of a host.
		if b := addr.As16(); reachOf(netip.AddrFrom4([4]byte(b[12:]))) == public {
			return public
		}
		return nowhere
	case within(localPrefixes, addr):
		return local
	case ssrf.New(ssrf.WithAnyPort()).SafeAddr(addr) != nil:
		return nowhere
	}
	return public
}

func within(all []netip.Prefix, addr netip.Addr) bool {
	for _, prefix := range all {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// mayReach decides about a connection to an address that stands behind a host.
// An address that is written out in WORKER_RESULT_HOSTS may always be reached.
// Otherwise a public one may; one of the own network may if the host is written
// out, or if a glob names the address itself (10.*). A glob of names alone is
// not enough: anybody can point a name below amazonaws.com at 10.0.0.1.
func (g *guard) mayReach(host string, to netip.AddrPort) bool {
	addr, port := to.Addr().Unmap(), strconv.Itoa(int(to.Port()))
	distance := reachOf(addr)
	if distance == public {
		return true
	}
	for _, pattern := range g.named {
		writtenOut := pattern.addr.IsValid() && pattern.names(addr.String(), port)
		named := pattern.glob && pattern.names(addr.String(), port) || !pattern.glob && pattern.names(host, port)
		if writtenOut || distance == local && named {
			return true
		}
	}
	return false
}
