package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
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
		g, err := newGuard(named)
		require.NoError(t, err)
		for what, addresses := range notPublic {
			for _, addr := range addresses {
				requireReason(t, checkURL(t, g, "https://"+literal(addr)+"/f"), job.ReasonResultBlocked)
				err := g.dialer("a.glob.test").ControlContext(t.Context(), "tcp", net.JoinHostPort(addr, "443"), nil)
				require.Error(t, err, "%s: %s", what, addr)
				requireReason(t, err, job.ReasonResultBlocked)
			}
		}
		for _, addr := range publicAddresses {
			require.NoError(t, g.dialer("a.glob.test").ControlContext(t.Context(), "tcp", net.JoinHostPort(addr, "8443"), nil), addr)
			if named == nil {
				require.NoError(t, checkURL(t, g, "https://"+literal(addr)+"/f"), addr)
			}
		}
		require.Error(t, g.dialer("h.test").ControlContext(t.Context(), "tcp", "nonsense", nil))
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
		g, err := newGuard([]string{c.entry})
		require.NoError(t, err)
		require.Equal(t, c.may, g.mayReach(normalHost(c.host), netip.MustParseAddrPort(c.to)), "%+v", c)
	}
}

// Hosts that two readers could read in two ways, and everything else in a URL
// that has no business there. What cannot be parsed is refused as well.
func TestURLsThatAreRefused(t *testing.T) {
	t.Parallel()
	hosts := []string{
		"2130706433", "017700000001", "0x7f000001", "0x7f.1", "0X7F.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "[::1].", "0", "1.2.3.4.5", "256.1.1.1", "1.1.1.0x1",
		"127。0。0。1", "127．0．0．1", "１２７.0.0.1", "ⓛocalhost", "localhoſt", "h.test／.evil", "bücher.test", "%31%32%37.0.0.1", "%6c%6f.test", "h.test%2f.evil", "h%00.test",
		"h..test", ".test", "h.test..", "h test", "h.test\\@evil", "h,test", "h;test", "h$test", "h'test", "h*.test", "h!.test", "[h.test]", "[1.2.3.4]", "[::1", strings.Repeat("a.", 130) + "test",
	}
	raws := []string{
		"https://user@h.test/", "https://user:hunter2@h.test/", "https://@h.test/", "https://h.test@127.0.0.1/", "http://h.test/", "HTTP://h.test", "http://h.test:443/", "http://h.test:8443/", "ftp://h.test/", "file:///etc/passwd",
		"file://h.test/etc/passwd", "gopher://h.test/", "dict://h.test/", "ldap://h.test/", "data:,x", "javascript:1", "//h.test/", "/f", "h.test", "https:h.test", "https:/h.test", "https:///h.test", "",
		"https://h.test:22/", "https://h.test:25/", "https://h.test:80/", "https://h.test:0/", "https://h.test:65536/", "https://h.test:-1/", "https://h.test:443x/",
	}
	for _, host := range hosts {
		raws = append(raws, "https://"+host+"/")
	}
	client := newClient(t, "https://api.test", func(c *Config) { c.ResultHosts = nil })
	client.files.Transport = breaks(errors.New("let through"))
	for _, raw := range raws {
		_, err := client.Open(t.Context(), testID, 0, job.File{URL: secret.New(raw)})
		var failure *job.Error
		require.ErrorAs(t, err, &failure, "%q", raw)
		require.Equal(t, job.ClassPermanent, failure.Class)
		require.Contains(t, []job.Reason{job.ReasonResultBlocked, job.ReasonResultInvalid}, failure.Reason, "%q", raw)
		require.Less(t, len(err.Error()), 1024)
		requireNoSecret(t, err)
	}
	g, err := newGuard([]string{"127.0.0.1", "*"})
	require.NoError(t, err)
	for _, host := range hosts {
		if u, err := url.Parse("https://" + host + "/"); err == nil {
			requireReason(t, g.check(u), job.ReasonResultBlocked)
		}
	}
	for _, good := range []string{"https://h.test:443/", "https://h.test:8443/", "https://xn--bcher-kva.test/", "https://my_bucket.h.test./", "https://1h.test/", "https://h.7test/"} {
		guard, err := newGuard(nil)
		require.NoError(t, err)
		require.NoError(t, checkURL(t, guard, good), good)
	}
}

// names4 is a DNS server for one name: the n-th lookup of its IPv4 addresses
// gets the n-th answer, and further ones the last.
func names4(answers ...[]string) *net.Resolver {
	var mu sync.Mutex
	asked := 0
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		resolver, server := net.Pipe()
		go func() {
			defer server.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, query); err != nil {
					return
				}
				mu.Lock()
				answer := answers[min(asked, len(answers)-1)]
				reply, counted := dnsReply(query, answer)
				if counted {
					asked++
				}
				mu.Unlock()
				_, _ = server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
			}
		}()
		return resolver, nil
	}}
}

// dnsReply answers a query for A records, and any other with no record (RFC
// 1035, section 4).
func dnsReply(query []byte, addresses []string) (reply []byte, isA bool) {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	question := query[12 : end+5]
	isA = binary.BigEndian.Uint16(query[end+1:]) == 1
	if !isA {
		addresses = nil
	}
	reply = append(append([]byte{}, query[:2]...), 0x81, 0x80, 0, 1, 0, byte(len(addresses)), 0, 0, 0, 0)
	reply = append(reply, question...)
	for _, addr := range addresses {
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, netip.MustParseAddr(addr).AsSlice()...)
	}
	return reply, isA
}

// errLetThrough stands for a connection that the guard would have allowed.
var errLetThrough = errors.New("let through")

// dialed dials a name as a download does, short of opening a connection, and
// returns what the guard let through.
func dialed(t *testing.T, g *guard) (through []string, err error) {
	t.Helper()
	dialer := g.dialer("files.attacker.test")
	control := dialer.ControlContext
	dialer.ControlContext = func(ctx context.Context, network, address string, c syscall.RawConn) error {
		if err := control(ctx, network, address, c); err != nil {
			return err
		}
		through = append(through, address)
		return errLetThrough
	}
	_, err = dialer.DialContext(t.Context(), "tcp", "files.attacker.test:443")
	require.Error(t, err)
	return through, err
}

func TestNamesThatResolveToOtherAddresses(t *testing.T) {
	t.Parallel()
	g, err := newGuard(nil)
	require.NoError(t, err)

	for _, addr := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "100.100.100.200"} {
		g.resolver = names4([]string{addr})
		through, err := dialed(t, g)
		require.Empty(t, through)
		requireReason(t, err, job.ReasonResultBlocked)
	}

	for _, mixed := range [][]string{{"8.8.8.8", "10.0.0.1"}, {"10.0.0.1", "8.8.8.8"}, {"169.254.169.254", "8.8.8.8", "127.0.0.1"}} {
		g.resolver = names4(mixed)
		through, err := dialed(t, g)
		require.Error(t, err)
		require.Equal(t, []string{"8.8.8.8:443"}, through, "%v", mixed)
	}

	// Rebinding: public when first looked at, something else afterwards.
	g.resolver = names4([]string{"8.8.8.8"}, []string{"169.254.169.254"})
	through, err := dialed(t, g)
	require.ErrorIs(t, err, errLetThrough)
	require.Len(t, through, 1)
	through, err = dialed(t, g)
	require.Empty(t, through)
	requireReason(t, err, job.ReasonResultBlocked)
}

// The same through a whole client, to a server that is there: not a byte comes
// to it, whether the name is under a glob or no host is named.
func TestOpenOfANameThatResolvesToLoopback(t *testing.T) {
	t.Parallel()
	var touched atomic.Int32
	host := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { touched.Add(1) }))
	t.Cleanup(host.Close)
	port := host.URL[strings.LastIndexByte(host.URL, ':'):]
	for _, named := range [][]string{nil, {"*.test"}, {"*.attacker.test" + port}} {
		client := newClient(t, "https://api.test", func(c *Config) { c.ResultHosts = named })
		client.guard.resolver = names4([]string{"127.0.0.1"})
		_, err := client.Open(t.Context(), testID, 0, job.File{URL: secret.New("https://files.attacker.test" + port + "/f?X-Amz-Signature=hunter2")})
		requireReason(t, err, job.ReasonResultBlocked)
		requireNoSecret(t, err)
	}
	require.Zero(t, touched.Load())

	// That the server could have been reached shows where the name is written out.
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("content")) })
	client := newClient(t, "https://api.test", func(c *Config) { c.ResultHosts = []string{"files.attacker.test"} })
	client.guard.resolver = names4([]string{"127.0.0.1"})
	address := strings.Replace(plain.URL, "127.0.0.1", "files.attacker.test", 1)
	content, err := readAll(client.Open(t.Context(), testID, 0, job.File{URL: secret.New(address)}))
	require.NoError(t, err)
	require.Equal(t, "content", content)
}
