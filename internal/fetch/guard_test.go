package fetch

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

func checkURL(t testing.TB, g *guard, raw string) error {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return g.check(u)
}

func TestGuardWithoutNamedHosts(t *testing.T) {
	t.Parallel()
	g, err := newGuard(nil)
	require.NoError(t, err)
	for _, good := range []string{"https://h.test/f?x", "https://h.test:8443/", "HTTPS://h.test", "https://8.8.8.8/"} {
		require.NoError(t, checkURL(t, g, good))
	}
	for _, bad := range []string{
		"http://h.test/?signature=hunter2", "ftp://h.test/", "file:///etc/passwd", "gopher://h/", "data:text/plain,x", "h.test/f", "/f", "",
		"https:f", "https:///f", "https://:443/", "https://user@h.test/", "https://user:hunter2@h.test/?signature=hunter2", "javascript:1",
	} {
		err := checkURL(t, g, bad)
		requireReason(t, err, job.ReasonResultBlocked)
		requireNoSecret(t, err)
	}
}

func TestGuardWithNamedHosts(t *testing.T) {
	t.Parallel()
	g, err := newGuard([]string{"files.test", "*.s3.amazonaws.com", "minio:9000", "10.0.0.7", "[::1]:9000", "fd00::1", " Host.Test. ", "b?.test"})
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
		u, err := url.Parse(bad)
		if err == nil {
			requireReason(t, g.check(u), job.ReasonResultBlocked)
		}
	}
}

func TestGuardDefaultPorts(t *testing.T) {
	t.Parallel()
	g, err := newGuard([]string{"h.test:443", "p.test:80"})
	require.NoError(t, err)
	require.NoError(t, checkURL(t, g, "https://h.test/"))
	require.NoError(t, checkURL(t, g, "http://p.test/"))
	requireReason(t, checkURL(t, g, "http://h.test/"), job.ReasonResultBlocked)
	requireReason(t, checkURL(t, g, "https://p.test/"), job.ReasonResultBlocked)
}

func TestGuardPatternsThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", " ", ":9000", "h:", "h:x", "h:0", "h:65536", "https://h", "h/f", "u@h", "a b", "[", "[a", "h?x=#"} {
		_, err := newGuard([]string{"fine", bad})
		require.ErrorContains(t, err, "WORKER_RESULT_HOSTS", "%q", bad)
	}
}

// The address of a private host is refused before a byte is sent to it.
func TestOpenOfAPrivateAddress(t *testing.T) {
	t.Parallel()
	var touched atomic.Int32
	host := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { touched.Add(1) }))
	t.Cleanup(host.Close)
	client := newClient(t, "https://api.test", func(c *Config) { c.ResultHosts = nil })
	for _, raw := range []string{host.URL, strings.Replace(host.URL, "127.0.0.1", "localhost", 1), strings.Replace(host.URL, "127.0.0.1", "[::1]", 1)} {
		_, err := client.Open(t.Context(), testID, 0, job.File{URL: secret.New(raw + "/f?X-Amz-Signature=hunter2")})
		requireReason(t, err, job.ReasonResultBlocked)
		requireNoSecret(t, err)
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
		_, err := client.Open(t.Context(), testID, 0, job.File{URL: secret.New(raw)})
		requireReason(t, err, want)
		requireNoSecret(t, err)
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
		return client.Open(t.Context(), testID, 0, job.File{URL: secret.New(hop.URL + path + "?X-Amz-Signature=hunter2")})
	}
	source, err := open("/good")
	require.NoError(t, err)
	require.EqualValues(t, len("content"), source.Size())
	require.NoError(t, source.Close())
	require.Empty(t, last.Header.Get("Referer"), "it would be the signed URL")
	require.Empty(t, last.Header.Get("Authorization"))

	for _, path := range []string{"/private", "/scheme", "/user", "/name", "/loop", "/file"} {
		_, err := open(path)
		requireReason(t, err, job.ReasonResultBlocked)
		requireNoSecret(t, err)
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
	_, err := client.Open(t.Context(), testID, 0, job.File{URL: secret.New(hop.URL)})
	requireReason(t, err, job.ReasonResultBlocked)
	require.Zero(t, touched.Load())
}

func TestDownloadsKnowNoProxy(t *testing.T) {
	t.Parallel()
	files, ok := newClient(t, "https://api.test").files.Transport.(*http.Transport)
	require.True(t, ok)
	require.Nil(t, files.Proxy)
	require.True(t, files.DisableCompression)
}
