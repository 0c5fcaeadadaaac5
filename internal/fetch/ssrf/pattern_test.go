package ssrf

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuardPatternsThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", " ", ":9000", "h:", "h:x", "h:0", "h:65536", "https://h", "h/f", "u@h", "a b", "[", "[a", "h?x=#", "b?.test", "a\tb"} {
		_, err := New([]string{"fine", bad})
		require.ErrorContains(t, err, "WORKER_RESULT_HOSTS", "%q", bad)
	}
}

// FuzzHostPattern: an entry of WORKER_RESULT_HOSTS that is taken names itself,
// unless it is a glob; one address never names another.
func FuzzHostPattern(f *testing.F) {
	for _, seed := range []string{"files.test", "*.s3.amazonaws.com", "minio:9000", "10.0.0.7", "[::1]:9000", "fd00::1", "b?.test", "[", "a:b", "[a-c].test", "\\*", "::ffff:10.0.0.1", "10.*", " H.test. "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := ParsePattern(raw)
		if err != nil {
			return
		}
		port := p.port
		if port == "" {
			port = "443"
		}
		if !p.glob {
			require.True(t, p.matches(p.host, port), "%q", raw)
		}
		require.False(t, p.port != "" && p.matches(p.host, "1"+p.port))
		g := &Guard{patterns: []Pattern{p}}
		metadata := netip.MustParseAddrPort("169.254.169.254:80")
		require.Equal(t, p.addr == metadata.Addr() && (p.port == "" || p.port == "80"), g.allows("any.test", metadata))
	})
}
