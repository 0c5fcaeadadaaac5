package ssrf

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/job"
)

// requireBlocked checks that err blocks the result, and that it repeats nothing
// of a URL but its scheme and host.
func requireBlocked(t testing.TB, err error) {
	t.Helper()
	var blocked *job.Error
	require.ErrorAs(t, err, &blocked)
	require.Equal(t, job.ClassPermanent, blocked.Class)
	require.Equal(t, job.ReasonResultBlocked, blocked.Reason)
	require.NotContains(t, err.Error(), "hunter2")
	require.NotContains(t, err.Error(), "signature")
}

func checkURL(t testing.TB, g *Guard, raw string) error {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return g.Check(u)
}

func TestGuardWithoutNamedHosts(t *testing.T) {
	t.Parallel()
	g, err := New(nil)
	require.NoError(t, err)
	for _, good := range []string{"https://h.test/f?x", "https://h.test:8443/", "HTTPS://h.test", "https://8.8.8.8/"} {
		require.NoError(t, checkURL(t, g, good), good)
	}
	for _, bad := range []string{
		"http://h.test/?signature=hunter2", "ftp://h.test/", "file:///etc/passwd", "gopher://h/", "data:text/plain,x", "h.test/f", "/f", "",
		"https:f", "https:///f", "https://:443/", "https://user@h.test/", "https://user:hunter2@h.test/?signature=hunter2", "javascript:1",
	} {
		t.Run(bad, func(t *testing.T) {
			t.Parallel()
			requireBlocked(t, checkURL(t, g, bad))
		})
	}
}

func TestGuardWithNamedHosts(t *testing.T) {
	t.Parallel()
	g, err := New([]string{"files.test", "*.s3.amazonaws.com", "minio:9000", "10.0.0.7", "[::1]:9000", "fd00::1", " Host.Test. ", "b[0-9].test"})
	require.NoError(t, err)
	for _, good := range []string{
		"https://files.test/f", "http://files.test:1234/", "https://FILES.test./", "https://bucket.s3.amazonaws.com/", "https://a.b.s3.amazonaws.com/",
		"http://minio:9000/", "http://10.0.0.7/", "http://[::1]:9000/", "http://[0:0:0:0:0:0:0:1]:9000/", "https://[fd00::1]/", "https://host.test/", "https://b1.test/",
		"http://[::ffff:10.0.0.7]/",
	} {
		require.NoError(t, checkURL(t, g, good), good)
	}
	for _, bad := range []string{
		"https://other.test/", "https://s3.amazonaws.com/", "https://files.test.evil/", "https://evilfiles.test/", "http://minio/", "http://minio:9001/", "http://10.0.0.8/",
		"http://[::1]/", "ftp://files.test/", "https://u@files.test/", "https://b12.test/", "https://evil.test/#.s3.amazonaws.com", "https://evil.test/.s3.amazonaws.com",
		"https://evil.test\\.s3.amazonaws.com/", "http://[fe80::1%25eth0]/",
	} {
		t.Run(bad, func(t *testing.T) {
			t.Parallel()
			if u, err := url.Parse(bad); err == nil {
				requireBlocked(t, g.Check(u))
			}
		})
	}
}

func TestGuardDefaultPorts(t *testing.T) {
	t.Parallel()
	g, err := New([]string{"h.test:443", "p.test:80"})
	require.NoError(t, err)
	require.NoError(t, checkURL(t, g, "https://h.test/"))
	require.NoError(t, checkURL(t, g, "http://p.test/"))
	requireBlocked(t, checkURL(t, g, "http://h.test/"))
	requireBlocked(t, checkURL(t, g, "https://p.test/"))
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
	open, err := New(nil)
	require.NoError(t, err)
	for _, raw := range raws {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			if u, err := url.Parse(raw); err == nil {
				err = open.Check(u)
				requireBlocked(t, err)
				require.Less(t, len(err.Error()), 1024)
			}
		})
	}
	g, err := New([]string{"127.0.0.1", "*"})
	require.NoError(t, err)
	for _, host := range hosts {
		if u, err := url.Parse("https://" + host + "/"); err == nil {
			requireBlocked(t, g.Check(u))
		}
	}
	for _, good := range []string{"https://h.test:443/", "https://h.test:8443/", "https://xn--bcher-kva.test/", "https://my_bucket.h.test./", "https://1h.test/", "https://h.7test/"} {
		require.NoError(t, checkURL(t, open, good), good)
	}
}

// errLetThrough stands for a connection that the guard would have allowed.
var errLetThrough = errors.New("let through")

// dialed dials a name as a download does, short of opening a connection, and
// returns what the guard let through.
func dialed(t *testing.T, g *Guard, resolver *net.Resolver) (through []string, err error) {
	t.Helper()
	dialer := g.guarded(net.Dialer{Resolver: resolver}, "files.attacker.test")
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
	g, err := New(nil)
	require.NoError(t, err)

	for _, addr := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "100.100.100.200"} {
		through, err := dialed(t, g, fetchtest.Resolver([]string{addr}))
		require.Empty(t, through)
		requireBlocked(t, err)
	}

	for _, mixed := range [][]string{{"8.8.8.8", "10.0.0.1"}, {"10.0.0.1", "8.8.8.8"}, {"169.254.169.254", "8.8.8.8", "127.0.0.1"}} {
		through, err := dialed(t, g, fetchtest.Resolver(mixed))
		require.Error(t, err)
		require.Equal(t, []string{"8.8.8.8:443"}, through, "%v", mixed)
	}

	// Rebinding: public when first looked at, something else afterwards.
	rebinding := fetchtest.Resolver([]string{"8.8.8.8"}, []string{"169.254.169.254"})
	through, err := dialed(t, g, rebinding)
	require.ErrorIs(t, err, errLetThrough)
	require.Len(t, through, 1)
	through, err = dialed(t, g, rebinding)
	require.Empty(t, through)
	requireBlocked(t, err)
}

// FuzzURL: a URL that may be fetched without any host being named has a public
// address or a name in ASCII, https, and no user; named hosts are exactly
// those that are reached.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"https://h.test/f?sig", "https://127.0.0.1/", "https://2130706433/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/", "https://u@h.test", "http://h.test", "https://h.test\\@evil.test/", "https://127。0。0。1/",
		"https://h.test.:443", "//h", "https:h", "https://0x7f.1", "https://h.test:99999", "https://%68.test/", "HTTPS://H", "https://[64:ff9b::a00:1]:8443", "https://a..b",
	} {
		f.Add(seed)
	}
	open, _ := New(nil)
	named, _ := New([]string{"h.test:443", "*.files.test", "10.0.0.7"})
	name := regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		err = open.Check(u)
		if err == nil {
			require.Equal(t, "https", u.Scheme)
			require.Nil(t, u.User)
			if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
				require.Equal(t, scopePublic, scopeOf(addr))
				require.True(t, addr.Unmap().IsGlobalUnicast() && !addr.Unmap().IsPrivate() && !addr.Unmap().IsLoopback())
			} else {
				require.Regexp(t, name, u.Hostname())
			}
		} else {
			require.Less(t, len(err.Error()), 1024)
			require.True(t, utf8.ValidString(err.Error()))
		}
		if named.Check(u) == nil {
			host := normalHost(u.Hostname())
			require.True(t, host == "h.test" || strings.HasSuffix(host, ".files.test") || strings.HasSuffix(host, "10.0.0.7") || netip.MustParseAddr(host).Unmap().String() == "10.0.0.7")
		}
	})
}
