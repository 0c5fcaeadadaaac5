package world

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gatewayBefore is one before a server that answers as a function does.
func gatewayBefore(t *testing.T, handler http.HandlerFunc) *gateway {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	g, err := newGateway(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.close()) })
	return g
}

// ask returns what comes of a request through the gateway.
func (g *gateway) ask(t *testing.T, path string) (status int, body string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.addr()+path, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(got), err
}

func TestAGatewayPassesOnUntilAFaultBegins(t *testing.T) {
	t.Parallel()
	g := gatewayBefore(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.RequestURI()) })
	own := func() {
		status, body, err := g.ask(t, "/jobs/a?b=c%2Fd")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "/jobs/a?b=c%2Fd", body)
	}
	own()
	g.begin("f", pageFault(1, 403, "text/html", "blocked"))
	require.False(t, g.struck("f"))
	status, body, err := g.ask(t, "/jobs/a")
	require.NoError(t, err)
	require.Equal(t, 403, status)
	require.Equal(t, "blocked", body)
	require.True(t, g.struck("f"))
	g.end("f")
	own()
}

func TestAGatewaySlowsAndCutsDownloads(t *testing.T) {
	t.Parallel()
	g := gatewayBefore(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "0123456789") })
	g.begin("cut", shortFault(1, 4))
	_, body, err := g.ask(t, "/f")
	require.Error(t, err)
	require.Equal(t, "0123", body)
	g.end("cut")
	g.begin("slow", slowFault(1, 50*time.Millisecond))
	began := time.Now()
	_, body, err = g.ask(t, "/f")
	require.NoError(t, err)
	require.Equal(t, "0123456789", body)
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
}

func TestAGatewayRenamesFilesAndKnowsThemAgain(t *testing.T) {
	t.Parallel()
	g := gatewayBefore(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "http://files:1"+r.URL.Path) })
	g.begin("moved", movedFault(1, "http://files:1"))
	_, first, err := g.ask(t, "/a/0/f.pdf")
	require.NoError(t, err)
	_, second, err := g.ask(t, "/a/0/f.pdf")
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	g.end("moved")

	path, ok := strings.CutPrefix(first, "http://files:1")
	require.True(t, ok)
	require.Contains(t, path, movedPrefix)
	_, behind, err := g.ask(t, path)
	require.NoError(t, err)
	require.Equal(t, "http://files:1/a/0/f.pdf", behind)
}
