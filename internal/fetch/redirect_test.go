package fetch

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// A public host over https may redirect to another one, and to nothing else.
func TestWhereADownloadMayBeRedirected(t *testing.T) {
	t.Parallel()
	open := func(location string) ([]*http.Request, error) {
		files := script(says(http.StatusFound, "Location", location), sendsAll("content"))
		client := offline(t, nil, files.RoundTrip, func(c *Config) { c.ResultHosts = nil })
		_, err := readAll(client.Download(job.Job{ID: fetchtest.ID}, []job.File{signedFile()}).Open(t.Context(), 0))
		return files.seen(), err
	}
	for _, bad := range []string{
		"http://files.test/out/Report.PDF", "http://other.test/f", "https://127.0.0.1/f", "https://10.0.0.1/f", "https://[::1]/", "https://169.254.169.254/latest/", "http://169.254.169.254/latest/",
		"https://user:hunter2@other.test/f", "https://2130706433/", "https://other.test:22/", "ftp://other.test/f", "file:///etc/passwd", "//127.0.0.1/f", "//u@other.test/", "gopher://x/",
		"https://0x7f.1/", "https://127.0.0.1./", "https://[fe80::1%25eth0]/", "https://[64:ff9b::a00:1]/", "data:text/plain,x",
	} {
		t.Run(bad, func(t *testing.T) {
			t.Parallel()
			seen, err := open(bad + "?signature=hunter2")
			fetchtest.RequireUnavailable(t, err)
			fetchtest.RequireNoSecret(t, err)
			require.Len(t, seen, 1, bad)
		})
	}
	for _, good := range []string{"https://other.test/f", "https://other.test:8443/f", "/f", "//other.test/f", "https://8.8.8.8/f"} {
		t.Run(good, func(t *testing.T) {
			t.Parallel()
			seen, err := open(good)
			require.NoError(t, err)
			require.Len(t, seen, 2)
			require.Equal(t, "https", seen[1].URL.Scheme)
			require.Empty(t, seen[1].Header.Get("Referer"), "it would be the signed URL")
			require.Empty(t, seen[1].Header.Get("Authorization"))
		})
	}
}

// proxyChild is set in the process that TestProxiesOpenNoWayRound starts.
const proxyChild = "FETCH_TEST_PROXY_CHILD"

// runProxyChild polls and downloads with proxies in the environment, which
// net/http reads once in a process. It prints what came of the download.
func runProxyChild(t *testing.T) {
	t.Helper()
	client := newClient(t, "http://api.test", func(c *Config) { c.ResultHosts = []string{"files.test", "127.0.0.1"} })
	resolving(t, client, fetchtest.Resolver([]string{"127.0.0.1"}))
	_, err := client.Poll(t.Context(), fetchtest.ID)
	require.NoError(t, err)
	content, err := readAll(client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(os.Getenv(proxyChild))}}).Open(t.Context(), 0))
	require.NoError(t, err)
	require.Equal(t, "from the file host", content)
	_, err = client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New("http://internal.test/f")}}).Open(t.Context(), 0)
	fetchtest.RequireReason(t, err, job.ReasonResultBlocked)

	require.ErrorContains(t, client.throughProxy(errReset), "through the proxy 127.0.0.1:")
	core, logs := observer.New(zapcore.WarnLevel)
	cfg := client.cfg
	other, err := New(cfg, zap.New(core), prometheus.NewRegistry())
	require.NoError(t, err)
	other.Close()
	require.Equal(t, 1, logs.Len(), "an operator must know that downloads do not use it")
}

// The API is asked by way of the proxy, as everywhere. A download never is: the
// proxy would resolve and dial where the guard cannot see it.
func TestProxiesOpenNoWayRound(t *testing.T) {
	t.Parallel()
	if os.Getenv(proxyChild) != "" {
		runProxyChild(t)
		return
	}
	var mu sync.Mutex
	var through []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		through = append(through, r.Host)
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(proxy.Close)
	files := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "from the file host") })
	at, err := url.Parse(files.URL)
	require.NoError(t, err)

	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxiesOpenNoWayRound$")
	child.Env = append(os.Environ(), "NO_PROXY=", "no_proxy=", proxyChild+"=http://"+net.JoinHostPort("files.test", at.Port())+"/f")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		child.Env = append(child.Env, name+"="+proxy.URL, strings.ToLower(name)+"="+proxy.URL)
	}
	output, err := child.CombinedOutput()
	require.NoError(t, err, "%s", output)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"api.test"}, through)
}
