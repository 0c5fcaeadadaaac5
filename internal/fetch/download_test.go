package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// fileAt is a file of a real server.
func fileAt(server *httptest.Server, path string) job.File {
	return job.File{URL: secret.New(server.URL + path + "?X-Amz-Signature=hunter2")}
}

// download reads a whole file.
func readAll(source job.Source, err error) (string, error) {
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(source)
	return string(got), errors.Join(err, source.Close())
}

func TestDownload(t *testing.T) {
	t.Parallel()
	var got *http.Request
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("as sent"))
	})
	source, err := newClient(t, "https://api.test").Download(job.Job{ID: fetchtest.ID}, []job.File{fileAt(host, "/out/Image.PNG")}).Open(t.Context(), 0)
	require.NoError(t, err)
	require.EqualValues(t, 7, source.Size())
	require.Empty(t, source.ContentEncoding(), "these bytes are no gzip")
	require.Equal(t, "image/png", source.ContentType())
	require.Equal(t, ".png", source.Ext())
	content, err := readAll(source, nil)
	require.NoError(t, err)
	require.Equal(t, "as sent", content)

	require.Equal(t, http.MethodGet, got.Method)
	require.Equal(t, "identity", got.Header.Get("Accept-Encoding"))
	require.Empty(t, got.Header.Get("Authorization"), "the token stays with the API")
	require.NotContains(t, fmt.Sprint(got.Header), fetchtest.Token)
	require.Equal(t, "X-Amz-Signature=hunter2", got.URL.RawQuery)
}

func TestDownloadOfUnknownLengthAndOfNothing(t *testing.T) {
	t.Parallel()
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/empty" {
			w.Header().Set("Content-Length", "0")
			return
		}
		_, _ = w.Write([]byte("one"))
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write([]byte("two"))
	})
	client := newClient(t, "https://api.test")
	for path, want := range map[string]struct {
		size    int64
		content string
	}{"/empty": {0, ""}, "/chunked": {-1, "onetwo"}} {
		source, err := client.Download(job.Job{ID: fetchtest.ID}, []job.File{fileAt(host, path)}).Open(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, want.size, source.Size())
		content, err := readAll(source, nil)
		require.NoError(t, err)
		require.Equal(t, want.content, content)
	}
}

func TestContentTypeAndExtensionOfADownload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ api, host, path, contentType, ext string }{
		{"application/pdf", "image/png", "/f.pdf", "application/pdf", ".pdf"},
		{"", "image/png", "/a.b/F.Tar.GZ", "image/png", ".gz"},
		{"", "", "/", "application/octet-stream", ""},
		{"", "nonsense", "/f.", "application/octet-stream", ""},
		{"", "", "/f.toolongtobeone", "application/octet-stream", ""},
		{"", "", "/f.p%20f", "application/octet-stream", ""},
		{"", "", "/dir.x/f", "application/octet-stream", ""},
		{"", "", "", "application/octet-stream", ""},
	} {
		t.Run(c.api+" "+c.host+" "+c.path, func(t *testing.T) {
			t.Parallel()
			files := script(fetchtest.Replies(200, "x", "Content-Type", c.host))
			file := job.File{ContentType: c.api, URL: secret.New("https://files.test" + c.path + "?f=.exe")}
			source, err := offline(t, nil, files.RoundTrip).Download(job.Job{ID: fetchtest.ID}, []job.File{file}).Open(t.Context(), 0)
			require.NoError(t, err)
			require.Equal(t, c.contentType, source.ContentType(), c.path)
			require.Equal(t, c.ext, source.Ext(), c.path)
			require.NoError(t, source.Close())
		})
	}
}

func TestDownloadThatIsTooLarge(t *testing.T) {
	t.Parallel()
	limited := func(c *Config) { c.MaxResultBytes = 4 }
	open := func(step fetchtest.Transport) (string, error) {
		return readAll(offline(t, nil, step, limited).Download(job.Job{ID: fetchtest.ID}, []job.File{signedFile()}).Open(t.Context(), 0))
	}
	_, err := open(sendsAll("12345"))
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)
	content, err := open(sendsAll("1234"))
	require.NoError(t, err)
	require.Equal(t, "1234", content)
	_, err = open(fetchtest.Replies(200, "12345"))
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)
	content, err = open(fetchtest.Replies(200, "1234"))
	require.NoError(t, err)
	require.Equal(t, "1234", content)
}

// TestSignedURLGoesOutAsItCame, but for the bytes that no URL has.
func TestSignedURLGoesOutAsItCame(t *testing.T) {
	t.Parallel()
	files := script(sendsAll("x"))
	file := job.File{URL: secret.New("https://files.test/a%2Fb c/ü.pdf?X-Amz-Signature=h%2F+|")}
	_, err := readAll(offline(t, nil, files.RoundTrip).Download(job.Job{ID: fetchtest.ID}, []job.File{file}).Open(t.Context(), 0))
	require.NoError(t, err)
	require.Equal(t, "/a%2Fb%20c/%C3%BC.pdf?X-Amz-Signature=h%2F+%7C", files.seen()[0].URL.RequestURI())
}

// TestWholeFileAsARange: some hosts answer so without being asked for a range.
func TestWholeFileAsARange(t *testing.T) {
	t.Parallel()
	host := fetchtest.Replies(206, digits, "Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(digits)-1, len(digits)))
	got, err := readAll(offline(t, nil, host).Download(job.Job{ID: fetchtest.ID}, []job.File{signedFile()}).Open(t.Context(), 0))
	require.NoError(t, err)
	require.Equal(t, digits, got)
}

// TestErrorPagesAreNoFiles: what cannot be the file is a failed download.
func TestErrorPagesAreNoFiles(t *testing.T) {
	t.Parallel()
	size := int64(4096)
	for name, row := range map[string]struct {
		declared, content string
		good              bool
	}{
		"S3's error":          {"application/octet-stream", "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", false},
		"S3's error, no type": {"", "<Error><Code>AccessDenied</Code></Error>", false},
		"HTML":                {"application/pdf", "<html>Sign in</html>", false},
		"JSON":                {"application/zip", `{"error": "link expired"}`, false},
		"nothing":             {"application/pdf", "", false},
		"a PDF":               {"application/pdf", "%PDF-1.7", true},
		"HTML as it should":   {"text/html", "<html>", true},
		"an SVG":              {"image/svg+xml", "<svg/>", true},
		"an RTF":              {"application/rtf", "{\\rtf1}", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := signedFile()
			file.ContentType, file.DeclaredSize = row.declared, &size
			got, err := readAll(offline(t, nil, sendsAll(row.content)).Download(job.Job{ID: fetchtest.ID}, []job.File{file}).Open(t.Context(), 0))
			if row.good {
				require.NoError(t, err)
				require.Equal(t, row.content, got)
				return
			}
			fetchtest.RequireUnavailable(t, err)
		})
	}
}

func TestDeclaredSizeIsNoReasonToFail(t *testing.T) {
	t.Parallel()
	size := int64(999)
	file := signedFile()
	file.DeclaredSize = &size
	content, err := readAll(offline(t, nil, sendsAll("1234")).Download(job.Job{ID: fetchtest.ID}, []job.File{file}).Open(t.Context(), 0))
	require.NoError(t, err)
	require.Equal(t, "1234", content)
}

// A real server that drops its connections, again and again.
func TestDownloadOverConnectionsThatBreak(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("0123456789abcdef", 64<<10)
	var asked []string
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Range"))
		w.Header().Set("ETag", etag)
		http.ServeContent(&dropping{ResponseWriter: w, left: 300 << 10}, r, "f.bin", time.Time{}, strings.NewReader(content))
	})
	client := newClient(t, "https://api.test")
	source, err := client.Download(job.Job{ID: fetchtest.ID}, []job.File{fileAt(host, "/f.bin")}).Open(t.Context(), 0)
	require.NoError(t, err)
	require.EqualValues(t, len(content), source.Size())
	got, err := readAll(source, nil)
	require.NoError(t, err)
	require.Equal(t, content, got)
	require.Len(t, asked, 4)
	require.Empty(t, asked[0])
}

// dropping cuts the connection after so many bytes.
type dropping struct {
	http.ResponseWriter

	left int
}

func (d *dropping) Write(b []byte) (int, error) {
	if len(b) > d.left {
		_, _ = d.ResponseWriter.Write(b[:d.left])
		_ = http.NewResponseController(d.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	d.left -= len(b)
	return d.ResponseWriter.Write(b)
}

func TestDownloadOverAConnectionThatStalls(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("0123456789abcdef", 1024)
	first := true
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		if first {
			first = false
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write([]byte(content[:1000]))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		http.ServeContent(w, r, "f.bin", time.Time{}, strings.NewReader(content))
	})
	client := newClient(t, "https://api.test", func(c *Config) { c.StallLimit = 50 * time.Millisecond })
	got, err := readAll(client.Download(job.Job{ID: fetchtest.ID}, []job.File{fileAt(host, "/f.bin")}).Open(t.Context(), 0))
	require.NoError(t, err)
	require.Equal(t, content, got)
}

func TestDownloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	stop := errors.New("the lease was lost")
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("0123456789"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	client := newClient(t, "https://api.test")
	source, err := client.Download(job.Job{ID: fetchtest.ID}, []job.File{fileAt(host, "/f")}).Open(ctx, 0)
	require.NoError(t, err)
	_, err = io.ReadFull(source, make([]byte, 10))
	require.NoError(t, err)
	read := make(chan error, 1)
	go func() {
		_, err := source.Read(make([]byte, 10))
		read <- err
	}()
	cancel(stop)
	err = <-read
	require.ErrorIs(t, err, stop)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, source.Close())

	_, err = client.Download(job.Job{ID: fetchtest.ID}, []job.File{fileAt(host, "/f")}).Open(ctx, 0)
	require.ErrorIs(t, err, stop)
}

func TestDownloadAfterClose(t *testing.T) {
	t.Parallel()
	source, err := offline(t, nil, sendsAll("1234")).Download(job.Job{ID: fetchtest.ID}, []job.File{signedFile()}).Open(t.Context(), 0)
	require.NoError(t, err)
	n, err := source.Read(nil)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, source.Close())
	require.NoError(t, source.Close())
	_, err = source.Read(make([]byte, 1))
	require.Error(t, err)
}

func TestAFileIsKeptEncoded(t *testing.T) {
	t.Parallel()
	zip := func(text string) string {
		var out bytes.Buffer
		in := gzip.NewWriter(&out)
		_, _ = io.WriteString(in, text)
		require.NoError(t, in.Close())
		return out.String()
	}
	body := map[string]string{"/pdf": zip("%PDF-1.7"), "/page": zip("<html>log in</html>")}
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "x-GZip")
		_, _ = io.WriteString(w, body[r.URL.Path])
	})
	open := func(path string) (job.Source, error) {
		file := fileAt(host, path)
		file.ContentType = "application/pdf"
		return newClient(t, "https://api.test").Download(job.Job{ID: fetchtest.ID}, []job.File{file}).Open(t.Context(), 0)
	}
	source, err := open("/pdf")
	require.NoError(t, err)
	require.Equal(t, "x-gzip", source.ContentEncoding())
	content, err := readAll(source, nil)
	require.NoError(t, err)
	require.Equal(t, body["/pdf"], content, "the bytes are left as they came")

	_, err = open("/page")
	require.ErrorContains(t, err, "it begins as an error page")
}
