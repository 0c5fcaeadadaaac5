package mediatype_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/mediatype"
)

func TestDeclared(t *testing.T) {
	t.Parallel()
	for declared, want := range map[string]string{
		"image/png": "image/png", " text/csv; charset=utf-8 ": "text/csv; charset=utf-8", "Application/PDF": "Application/PDF",
		"": "", "pdf": "", "a/b\r\nX-Evil: 1": "", "text/plain; =": "", "text/plain; charset": "", "é/x": "",
		"x/" + strings.Repeat("y", 253): "x/" + strings.Repeat("y", 253), "x/" + strings.Repeat("y", 254): "",
	} {
		require.Equal(t, want, mediatype.Declared(declared), declared)
	}
	require.Equal(t, "a/b", mediatype.First("", "nonsense", "a/b", "c/d"))
}

func TestExtOf(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://h/out/Report.PDF?f=.exe": ".pdf", "https://h/a.tar.gz": ".gz", "https://h/f": "", "https://h/f.": "", "https://h.test": "",
		"https://h/a.b/c": "", "https://h/x.p%20f": "", "https://h/x.0123456789": ".0123456789", "https://h/x.01234567890": "", "https://h/%zz.pdf": "", "https://h/x.é": "",
	} {
		require.Equal(t, want, mediatype.ExtOfURL(raw), raw)
	}
}

// FuzzDeclared: what is passed on of a content type is one, in one line of
// printable ASCII; what is taken from a URL's path is an extension.
func FuzzDeclared(f *testing.F) {
	for _, seed := range []string{"application/pdf", "text/html; charset=utf-8", "a/b; c", "APPLICATION/JSON", "x", "", "a/b\r\nc: d", "text/plain; a=\"", "é/é", strings.Repeat("a", 300) + "/b", "application/problem+json"} {
		f.Add(seed, "/out/Report.PDF")
	}
	f.Add("", "/a/b.../../x.p%20f")
	f.Fuzz(func(t *testing.T, declared, path string) {
		got := mediatype.First(declared)
		require.Regexp(t, `^[ -~]+$`, got)
		require.LessOrEqual(t, len(got), 255)
		require.Contains(t, got, "/")
		require.Equal(t, got, mediatype.First(got), "it stays what it is")
		require.Equal(t, "application/octet-stream", mediatype.First("", "nonsense\n", " "))
		require.Regexp(t, `^(\.[a-z0-9]{1,10})?$`, mediatype.ExtOf(&url.URL{Path: path}))
	})
}
