package fetch

import (
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/httpclient"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// overTLS starts a server that speaks HTTP/2, and a client that trusts it.
func overTLS(t testing.TB, handler http.HandlerFunc) (*httptest.Server, *Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	client := newClient(t, server.URL)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for _, c := range []*http.Client{client.api, client.files} {
		renewing, ok := c.Transport.(*httpclient.Renewing)
		require.True(t, ok)
		transport := renewing.Transport()
		transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		transport.TLSClientConfig.RootCAs = roots
		transport.TLSClientConfig.NextProtos = nil
	}
	return server, client
}

func TestPollAndDownloadOverHTTP2(t *testing.T) {
	t.Parallel()
	file := strings.Repeat("0123456789abcdef", 64<<10)
	var server *httptest.Server
	server, client := overTLS(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
			return
		}
		if r.URL.Path == "/f" {
			w.Header().Set("ETag", etag)
			http.ServeContent(&dropping{ResponseWriter: w, left: 700 << 10}, r, "f", time.Time{}, strings.NewReader(file))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, completed(`{"file":{"URL":"`+server.URL+`/f"}}`))
	})
	answer, err := client.Poll(t.Context(), fetchtest.ID)
	require.NoError(t, err)
	got, err := readAll(client.Download(job.Job{ID: fetchtest.ID}, []job.File{answer.Files[0]}).Open(t.Context(), 0))
	require.NoError(t, err)
	require.Equal(t, file, got)
}

func TestAnswerInGzip(t *testing.T) {
	t.Parallel()
	for name, times := range map[string]int{
		"gzip": 1, "x-gzip": 1, "gzip, gzip": 2, "identity, gzip": 1, // as it is said
		"GZIP": 0, "gzip , x-gzip": 1, // said wrongly by a gateway
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testAnswerInGzip(t, name, times)
		})
	}
}

// An answer in an encoding that nobody asked for names it.
func TestAnswerInAnotherEncoding(t *testing.T) {
	t.Parallel()
	api := fetchtest.Replies(200, "\x0b\x02\x80", "Content-Type", "application/json", "Content-Encoding", "br")
	err := second(offline(t, api, nil).Poll(t.Context(), fetchtest.ID))
	fetchtest.RequireUnavailable(t, err)
	require.ErrorContains(t, err, `"br"`)
}

// Text in another charset is decoded, never changed.
func TestAnswerInAnotherCharset(t *testing.T) {
	t.Parallel()
	for charset, text := range map[string]string{
		"iso-8859-1": "caf\xe9", "windows-1252": "caf\xe9", "utf-16le": "", "UTF-8": "caf\xc3\xa9", "nonsense": "caf\xc3\xa9",
	} {
		t.Run(charset, func(t *testing.T) {
			t.Parallel()
			body := completed(`"` + text + `"`)
			if charset == "utf-16le" {
				var wide strings.Builder
				for _, unit := range utf16.Encode([]rune(completed(`"café"`))) {
					wide.Write([]byte{byte(unit), byte(unit >> 8)})
				}
				body = wide.String()
			}
			api := fetchtest.Replies(200, body, "Content-Type", "application/json; charset="+charset)
			answer, err := offline(t, api, nil).Poll(t.Context(), fetchtest.ID)
			require.NoError(t, err)
			require.Equal(t, "café", contents(t, answer))
		})
	}
}

func testAnswerInGzip(t *testing.T, name string, times int) {
	t.Helper()
	text := strings.Repeat("all work and no play ", 20_000)
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", name)
		var body io.Writer = w
		for range times {
			z := gzip.NewWriter(body)
			defer z.Close()
			body = z
		}
		_, _ = io.WriteString(body, completed(`"`+text+`"`))
	})
	answer, err := newClient(t, api.URL).Poll(t.Context(), fetchtest.ID)
	require.NoError(t, err)
	require.Equal(t, text, contents(t, answer))

	answer, err = newClient(t, api.URL, func(c *Config) { c.MaxResultBytes = 100_000 }).Poll(t.Context(), fetchtest.ID)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Payload)
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)
	require.NoError(t, answer.Close())
}

func TestAnswerOverAConnectionThatBreaks(t *testing.T) {
	t.Parallel()
	for _, length := range []int{100, 3 * windowBytes} {
		for _, declared := range []bool{true, false} {
			api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				body := completed(`"` + strings.Repeat("x", length) + `"`)
				w.Header().Set("Content-Type", "application/json")
				if declared {
					w.Header().Set("Content-Length", fmt.Sprint(len(body)))
				}
				_, _ = io.WriteString(&dropping{ResponseWriter: w, left: len(body) - 50}, body)
			})
			answer, err := newClient(t, api.URL).Poll(t.Context(), fetchtest.ID)
			if err == nil {
				_, err = io.Copy(io.Discard, answer.Payload)
				require.NoError(t, answer.Close())
			}
			fetchtest.RequireUnavailable(t, err)
		}
	}
}

// Polls share windows and connections. None may see another's bytes.
func TestManyPollsAndDownloadsAtOnce(t *testing.T) {
	t.Parallel()
	const jobs = 64
	text := func(id string) string { return strings.Repeat(id+" ", 20_000) }
	var server *httptest.Server
	server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		switch {
		case strings.HasPrefix(r.URL.Path, "/files/"):
			if r.Header.Get("Authorization") != "" {
				w.WriteHeader(http.StatusTeapot)
			}
			_, _ = io.WriteString(w, text(id))
		case strings.HasSuffix(id, "1"):
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, strings.Replace(completed(`{"file":{"URL":"`+server.URL+`/files/`+id+`"}}`), "the-job", id, 1))
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, strings.Replace(completed(`"`+text(id)+`"`), "the-job", id, 1))
		}
	})
	client := newClient(t, server.URL)
	one := func(id job.ID) (string, error) {
		answer, err := client.Poll(t.Context(), id)
		if err != nil {
			return "", err
		}
		if answer.Payload != nil {
			return readAll(answer.Payload, nil)
		}
		return readAll(client.Download(job.Job{ID: id}, []job.File{answer.Files[0]}).Open(t.Context(), 0))
	}
	var all sync.WaitGroup
	var wrong atomic.Int32
	for n := range jobs {
		all.Go(func() {
			id := fmt.Sprintf("job-%d", n)
			if got, err := one(job.ID(id)); err != nil || got != text(id) {
				wrong.Add(1)
			}
		})
	}
	all.Wait()
	require.Zero(t, wrong.Load())
}

// The token goes to the API and nowhere else: not to the file host, not when a
// URL is renewed, not after a redirect.
func TestTokenIsNeverSentToAFileHost(t *testing.T) {
	t.Parallel()
	var seen atomic.Int32
	var leaked atomic.Bool
	var files *httptest.Server
	files = serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if strings.Contains(fmt.Sprint(r.Header, r.URL), fetchtest.Token) {
			leaked.Store(true)
		}
		switch r.URL.Path {
		case "/moved":
			if r.URL.RawQuery == "expired" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			http.Redirect(w, r, files.URL+"/f", http.StatusTemporaryRedirect)
		default:
			_, _ = io.WriteString(w, "content")
		}
	})
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+fetchtest.Token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, completed(`{"file":{"URL":"`+files.URL+`/moved"}}`))
	})
	got, err := readAll(newClient(t, api.URL).Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(files.URL + "/moved?expired")}}).Open(t.Context(), 0))
	require.NoError(t, err)
	require.Equal(t, "content", got)
	require.EqualValues(t, 3, seen.Load())
	require.False(t, leaked.Load())
}

func TestTheAPIAsksForAClientCertificate(t *testing.T) {
	t.Parallel()
	var presented atomic.Int64
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		presented.Add(int64(len(r.TLS.PeerCertificates)))
		http.Error(w, `{"title":"Not Found","status":404}`, http.StatusNotFound)
	}))
	api.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	api.StartTLS()
	t.Cleanup(api.Close)
	files := tlsFiles(t, api)

	require.NoError(t, newClient(t, api.URL, func(cfg *Config) { cfg.TLS = files }).Probe(t.Context()))
	require.EqualValues(t, 1, presented.Load())

	without := newClient(t, api.URL, func(cfg *Config) { cfg.TLS.CA = files.CA })
	require.ErrorContains(t, without.Probe(t.Context()), "certificate required")
	stranger := newClient(t, api.URL)
	require.ErrorContains(t, stranger.Probe(t.Context()), "unknown authority")
}

// tlsFiles are the server's own certificate and key, for the client as well.
func tlsFiles(t *testing.T, server *httptest.Server) httpclient.TLSFiles {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	der, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	return httpclient.TLSFiles{CA: cert, Cert: cert, Key: key}
}
