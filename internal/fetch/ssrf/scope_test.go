package ssrf

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// notPublic are addresses by what they are. None may be reached unless it is
// named, as a literal in a URL nor behind a name.
var notPublic = map[string][]string{
	"loopback":           {"127.0.0.1", "127.0.0.2", "127.8.8.8", "127.255.255.254", "::1"},
	"private":            {"10.0.0.0", "10.1.2.3", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00::1", "fdff::1"},
	"shared":             {"100.64.0.1", "100.127.255.255"},
	"link-local":         {"169.254.169.254", "169.254.0.1", "169.254.170.2", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1"},
	"metadata":           {"fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"},
	"unspecified":        {"0.0.0.0", "::"},
	"this network":       {"0.1.2.3", "0.255.255.255"},
	"multicast":          {"224.0.0.1", "239.1.1.1", "ff02::1", "ff0e::1"},
	"broadcast":          {"255.255.255.255"},
	"reserved":           {"240.0.0.1", "254.1.1.1", "192.0.0.8", "100::1", "4000::1"},
	"documentation":      {"192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "3fff::1"},
	"benchmarks":         {"198.18.0.1", "198.19.255.255", "2001:2::1"},
	"IPv4 mapped":        {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0.0.0.0"},
	"IPv4 compatible":    {"::7f00:1", "::169.254.169.254", "::8.8.8.8"},
	"NAT64":              {"64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "64:ff9b::192.168.0.1"},
	"6to4":               {"2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1"},
	"Teredo":             {"2001::1", "2001:0:7f00:1::"},
	"a zone of its own":  {"2606:4700::1%eth0", "::1%lo", "64:ff9b::8.8.8.8%eth0"},
	"SIIT, deprecated":   {"::ffff:0:127.0.0.1"},
	"AS112, 6bone, ORCH": {"2001:10::1", "5f00::1"},
}

var publicAddresses = []string{"8.8.8.8", "52.216.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"}

// literal is an address as the host of a URL.
func literal(addr string) string {
	if strings.Contains(addr, ":") {
		return "[" + strings.Replace(addr, "%", "%25", 1) + "]"
	}
	return addr
}

// A check of the URL, and a check of what is dialed behind any name: both
// refuse, without named hosts and with others named.
func TestAddressesThatAreNotPublic(t *testing.T) {
	t.Parallel()
	for _, named := range [][]string{nil, {"h.test", "*.test", "10.9.9.9", "[fe80::9]"}} {
		g, err := New(named)
		require.NoError(t, err)
		for what, addresses := range notPublic {
			for _, addr := range addresses {
				t.Run(what+" "+addr, func(t *testing.T) {
					t.Parallel()
					requireBlocked(t, checkURL(t, g, "https://"+literal(addr)+"/f"))
					requireBlocked(t, g.guarded(net.Dialer{}, "a.glob.test").ControlContext(t.Context(), "tcp", net.JoinHostPort(addr, "443"), nil))
				})
			}
		}
		for _, addr := range publicAddresses {
			require.NoError(t, g.guarded(net.Dialer{}, "a.glob.test").ControlContext(t.Context(), "tcp", net.JoinHostPort(addr, "8443"), nil), addr)
			if named == nil {
				require.NoError(t, checkURL(t, g, "https://"+literal(addr)+"/f"), addr)
			}
		}
		require.Error(t, g.guarded(net.Dialer{}, "h.test").ControlContext(t.Context(), "tcp", "nonsense", nil))
	}
}

// What has to be written so that an address behind a host may be reached.
func TestWhatNamingAHostOpens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		entry, host, to string
		may             bool
	}{
		{"minio", "minio", "10.0.0.1:9000", true},
		{"minio", "MINIO.", "10.0.0.1:9000", true},
		{"minio:9000", "minio", "10.0.0.1:9000", true},
		{"minio:9000", "minio", "10.0.0.1:9001", false},
		{"minio", "other", "10.0.0.1:9000", false},
		{"localhost", "localhost", "127.0.0.1:9000", true},
		{"localhost", "localhost", "[::1]:9000", true},
		{"minio", "minio", "[fd00::1]:9000", true},
		{"minio", "minio", "100.64.0.1:9000", true},
		{"minio", "minio", "169.254.169.254:80", false},
		{"minio", "minio", "[fe80::1%eth0]:80", false},
		{"minio", "minio", "[fd00:ec2::254]:80", false},
		{"minio", "minio", "0.0.0.0:80", false},
		{"minio", "minio", "[64:ff9b::10.0.0.1]:80", false},
		{"169.254.169.254", "169.254.169.254", "169.254.169.254:80", true},
		{"169.254.169.254:80", "169.254.169.254", "169.254.169.254:80", true},
		{"169.254.169.254:81", "169.254.169.254", "169.254.169.254:80", false},
		{"169.254.*", "169.254.169.254", "169.254.169.254:80", false},
		{"*", "evil.test", "169.254.169.254:80", false},
		{"*", "evil.test", "10.0.0.1:80", true}, // a star names every address, too
		{"*.amazonaws.com", "internal.elb.amazonaws.com", "10.0.0.1:443", false},
		{"*.amazonaws.com", "s3.amazonaws.com", "52.216.1.1:443", true},
		{"10.*", "bucket.amazonaws.com", "10.0.0.1:443", true},
		{"10.*:443", "bucket.amazonaws.com", "10.0.0.1:444", false},
		{"10.0.0.1", "bucket.amazonaws.com", "10.0.0.1:443", true},
	} {
		t.Run(fmt.Sprintf("%s opens %s at %s", c.entry, c.host, c.to), func(t *testing.T) {
			t.Parallel()
			g, err := New([]string{c.entry})
			require.NoError(t, err)
			require.Equal(t, c.may, g.allows(normalHost(c.host), netip.MustParseAddrPort(c.to)))
		})
	}
}
