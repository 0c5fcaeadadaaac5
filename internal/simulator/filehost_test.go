package simulator_test

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/simulator"
)

// code is what an S3 error document says.
func code(t *testing.T, got reply) string {
	t.Helper()
	var document struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	require.NoError(t, xml.Unmarshal(got.body, &document), "%s", got.body)
	require.Equal(t, "application/xml", got.header.Get("Content-Type"))
	return document.Code + ": " + document.Message
}

func TestSignedURLs(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := start(t, simulator.Options{Now: clock.now, URLLife: time.Minute})
	c.Add(simulator.Job{ID: "a"}, simulator.Job{ID: "b"}, simulator.Job{ID: "later", Duration: time.Hour})
	signed := c.SignedURL("a", 0)
	require.Equal(t, 200, c.get(signed).status)

	tamper := func(change func(*url.URL, url.Values)) string {
		u, err := url.Parse(signed)
		require.NoError(t, err)
		query := u.Query()
		change(u, query)
		u.RawQuery = query.Encode()
		return u.String()
	}
	for name, wrong := range map[string]string{
		"signature": tamper(func(_ *url.URL, q url.Values) { q.Set("X-Amz-Signature", "00") }),
		"date":      tamper(func(_ *url.URL, q url.Values) { q.Set("X-Amz-Date", "20361123T120000Z") }),
		"life":      tamper(func(_ *url.URL, q url.Values) { q.Set("X-Amz-Expires", "99999") }),
		"path":      tamper(func(u *url.URL, _ url.Values) { u.Path = "/b/0/result.bin" }),
	} {
		got := c.get(wrong)
		require.Equal(t, 403, got.status, name)
		require.Contains(t, code(t, got), "SignatureDoesNotMatch", name)
	}
	unsigned := tamper(func(_ *url.URL, q url.Values) { q.Del("X-Amz-Signature") })
	require.Equal(t, "AccessDenied: Access Denied", code(t, c.get(unsigned)))

	got, err := c.try(http.MethodPut, signed, nil)
	require.NoError(t, err)
	require.Equal(t, 403, got.status, "signed for GET")

	require.Equal(t, 404, c.get(c.SignedURL("later", 0)).status, "not there yet")
	require.Empty(t, c.SignedURL("a", 1))
	require.Empty(t, c.SignedURL("nobody", 0))

	clock.advance(61 * time.Second)
	require.Equal(t, "AccessDenied: Request has expired", code(t, c.get(signed)))
}

func TestAuthorizationAtFileHost(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a"})
	require.Equal(t, 0, c.Record().LeakedAuthorization)
	got := c.get(c.SignedURL("a", 0), "Authorization", "Bearer "+fixedToken)
	require.Equal(t, 400, got.status)
	require.Contains(t, code(t, got), "InvalidArgument")
	require.Equal(t, 1, c.Record().LeakedAuthorization)
}

func TestRanges(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a", Files: []simulator.File{{Size: 1000}, {Size: 1000, Chunked: true}}})
	all := bytesOf(t, simulator.FileContent("a", 0, 1000))
	whole := c.get(c.SignedURL("a", 0))
	require.Equal(t, "1000", whole.header.Get("Content-Length"))
	require.Equal(t, "bytes", whole.header.Get("Accept-Ranges"))
	etag := whole.header.Get("ETag")
	require.NotEmpty(t, etag)

	part := c.get(c.SignedURL("a", 0), "Range", "bytes=600-", "If-Range", etag)
	require.Equal(t, 206, part.status)
	require.Equal(t, "bytes 600-999/1000", part.header.Get("Content-Range"))
	require.Equal(t, all[600:], part.body)
	require.Equal(t, 200, c.get(c.SignedURL("a", 0), "Range", "bytes=600-", "If-Range", `"other"`).status)
	require.Equal(t, 206, c.get(c.SignedURL("a", 0), "Range", "bytes=600-", "If-Range", whole.header.Get("Last-Modified")).status)
	require.Equal(t, 416, c.get(c.SignedURL("a", 0), "Range", "bytes=1000-").status)

	chunked := c.get(c.SignedURL("a", 1))
	require.Empty(t, chunked.header.Get("Content-Length"))
	require.Len(t, chunked.body, 1000)
	require.Equal(t, 206, c.get(c.SignedURL("a", 1), "Range", "bytes=1-").status)
}

func TestTypesOfDownloads(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a", Files: []simulator.File{
		{ContentType: "image/png"},
		{ContentType: "image/png", DownloadType: "image/jpeg"},
		{NoContentType: true},
		{NoContentType: true, DownloadType: "image/gif"},
		{Empty: true},
	}})
	for i, want := range []string{"image/png", "image/jpeg", "", "image/gif", "application/octet-stream"} {
		got := c.get(c.SignedURL("a", i))
		require.Equal(t, want, got.header.Get("Content-Type"), i)
		require.Equal(t, i == 4, len(got.body) == 0)
	}
}

func TestFilesEndWithTheirJob(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := start(t, simulator.Options{Now: clock.now})
	c.Add(simulator.Job{ID: "a", ResultLife: time.Minute}, simulator.Job{ID: "b"})
	a, b := c.SignedURL("a", 0), c.SignedURL("b", 0)
	require.Equal(t, 200, c.get(a).status)
	clock.advance(time.Minute)
	c.Remove("b")
	for _, signed := range []string{a, b} {
		got := c.get(signed)
		require.Equal(t, 404, got.status)
		require.Contains(t, code(t, got), "NoSuchKey")
	}
}
