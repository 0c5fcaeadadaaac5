package fetch

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/httpclient"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// The address of a private host is refused before a byte is sent to it.
func TestOpenOfAPrivateAddress(t *testing.T) {
	t.Parallel()
	var touched atomic.Int32
	host := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { touched.Add(1) }))
	t.Cleanup(host.Close)
	client := newClient(t, "https://api.test", func(c *Config) { c.ResultHosts = nil })
	for _, raw := range []string{host.URL, strings.Replace(host.URL, "127.0.0.1", "localhost", 1), strings.Replace(host.URL, "127.0.0.1", "[::1]", 1)} {
		_, err := client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(raw + "/f?X-Amz-Signature=hunter2")}}).Open(t.Context(), 0)
		fetchtest.RequireReason(t, err, job.ReasonResultBlocked)
		fetchtest.RequireNoSecret(t, err)
	}
	require.Zero(t, touched.Load())
}

func TestOpenOfAURLThatIsNone(t *testing.T) {
	t.Parallel()
	client := offline(t, nil, nil)
	for raw, want := range map[string]job.Reason{
		"https://h.test:port/?signature=hunter2": job.ReasonResultInvalid, "https://h.test/%zz?signature=hunter2": job.ReasonResultInvalid,
		"https://other.test/?signature=hunter2": job.ReasonResultBlocked, "s3://bucket/key": job.ReasonResultBlocked, "": job.ReasonResultBlocked,
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			_, err := client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(raw)}}).Open(t.Context(), 0)
			fetchtest.RequireReason(t, err, want)
			fetchtest.RequireNoSecret(t, err)
		})
	}
}

func TestRedirectsOfADownload(t *testing.T) {
	t.Parallel()
	var last *http.Request
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		last = r
		_, _ = w.Write([]byte("content"))
	})
	var hop *httptest.Server
	hop = serve(t, func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/good": target.URL + "/f.pdf", "/private": "http://169.254.169.254/latest/?signature=hunter2", "/scheme": "ftp://127.0.0.1/x", "/user": "http://u:hunter2@127.0.0.1/",
			"/name": strings.Replace(target.URL, "127.0.0.1", "localhost", 1), "/loop": hop.URL + "/loop?signature=hunter2", "/file": "file:///etc/passwd",
		}[r.URL.Path]
		http.Redirect(w, r, to, http.StatusFound)
	})
	client := newClient(t, "https://api.test")
	open := func(path string) (job.Source, error) {
		return client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(hop.URL + path + "?X-Amz-Signature=hunter2")}}).Open(t.Context(), 0)
	}
	source, err := open("/good")
	require.NoError(t, err)
	require.EqualValues(t, len("content"), source.Size())
	require.NoError(t, source.Close())
	require.Empty(t, last.Header.Get("Referer"), "it would be the signed URL")
	require.Empty(t, last.Header.Get("Authorization"))

	for _, path := range []string{"/private", "/scheme", "/user", "/name", "/loop", "/file"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			_, err := open(path)
			fetchtest.RequireUnavailable(t, err)
			require.ErrorContains(t, err, "the file host redirects to")
			fetchtest.RequireNoSecret(t, err)
		})
	}
}

func TestARedirectToAnotherPortIsAnotherHost(t *testing.T) {
	t.Parallel()
	var touched atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { touched.Add(1) })
	hop := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	client := newClient(t, "https://api.test", func(c *Config) {
		c.ResultHosts = []string{strings.TrimPrefix(hop.URL, "http://")}
	})
	_, err := client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(hop.URL)}}).Open(t.Context(), 0)
	fetchtest.RequireUnavailable(t, err)
	require.Zero(t, touched.Load())
}

// A filter in between may redirect to an address of its own: that is not what the API
// has named, and ends no job.
func TestARedirectToANameThatResolvesToLoopback(t *testing.T) {
	t.Parallel()
	var touched atomic.Int32
	portal := serve(t, func(http.ResponseWriter, *http.Request) { touched.Add(1) })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(portal.URL, "http://"))
	require.NoError(t, err)
	hop := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://portal.test:"+port, http.StatusFound)
	})
	client := newClient(t, "https://api.test", func(c *Config) { c.ResultHosts = []string{strings.TrimPrefix(hop.URL, "http://"), "*.test"} })
	resolving(t, client, fetchtest.Resolver([]string{"127.0.0.1"}))
	_, err = client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(hop.URL)}}).Open(t.Context(), 0)
	fetchtest.RequireUnavailable(t, err)
	require.ErrorContains(t, err, "the file host redirects to")
	require.Zero(t, touched.Load())
}

func TestDownloadsKnowNoProxy(t *testing.T) {
	t.Parallel()
	renewing, ok := newClient(t, "https://api.test").files.Transport.(*httpclient.Renewing)
	require.True(t, ok)
	files := renewing.Transport()
	require.Nil(t, files.Proxy)
	require.True(t, files.DisableCompression)
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
		resolving(t, client, fetchtest.Resolver([]string{"127.0.0.1"}))
		_, err := client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New("https://files.attacker.test" + port + "/f?X-Amz-Signature=hunter2")}}).Open(t.Context(), 0)
		fetchtest.RequireReason(t, err, job.ReasonResultBlocked)
		fetchtest.RequireNoSecret(t, err)
	}
	require.Zero(t, touched.Load())

	// That the server could have been reached shows where the name is written out.
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("content")) })
	client := newClient(t, "https://api.test", func(c *Config) { c.ResultHosts = []string{"files.attacker.test"} })
	resolving(t, client, fetchtest.Resolver([]string{"127.0.0.1"}))
	address := strings.Replace(plain.URL, "127.0.0.1", "files.attacker.test", 1)
	content, err := readAll(client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(address)}}).Open(t.Context(), 0))
	require.NoError(t, err)
	require.Equal(t, "content", content)
}
