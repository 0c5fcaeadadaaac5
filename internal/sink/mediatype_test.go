package sink

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExt(t *testing.T) {
	t.Parallel()
	cases := []struct{ contentType, suggested, want string }{
		{"application/pdf", "", ".pdf"},
		{"application/pdf", ".exe", ".pdf"},
		{"Application/PDF; version=1.7", "", ".pdf"},
		{"text/plain; charset", "", ".txt"}, // a broken parameter
		{" image/jpeg ", "", ".jpg"},
		{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "", ".docx"},
		{"application/vnd.ms-excel", "", ".xls"},
		{"application/octet-stream", ".PDF", ".PDF"},
		{"application/octet-stream", "", ".bin"},
		{"application/x-unheard-of", ".foo", ".foo"},
		{"application/x-unheard-of", "", ".bin"},
		{"", ".foo", ".foo"},
		{"nonsense", "", ".bin"},
		{"x/y", "foo", ".bin"},
		{"x/y", "./../a", ".bin"},
		{"x/y", ".a/b", ".bin"},
		{"x/y", ".a\n", ".bin"},
		{"x/y", ".", ".bin"},
		{"x/y", ".ä", ".bin"},
		{"x/y", "." + strings.Repeat("a", 17), ".bin"},
	}
	for _, c := range cases {
		require.Equal(t, c.want, ext(c.contentType, c.suggested), "%q %q", c.contentType, c.suggested)
	}
}

func TestExtensionsAreInOrder(t *testing.T) {
	t.Parallel()
	for mediaType, extension := range extensions {
		require.Regexp(t, mediaTypeForm, mediaType)
		require.Regexp(t, `^\.[a-z0-9]+$`, extension)
	}
	require.NotContains(t, extensions, octetStream)
}

func TestStoredContentType(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"application/pdf":                    "application/pdf",
		"Application/PDF":                    "Application/PDF",
		"text/html; charset=utf-8":           "text/html; charset=utf-8",
		" text/plain ":                       "text/plain",
		"text/plain; charset":                "text/plain",
		"text/plain; title=\"a\x01b\"":       "text/plain",
		"text/plain\r\nX-Amz-Acl: all":       octetStream,
		"text/plain; name=\"ü\"":             "text/plain",
		"text":                               octetStream,
		"text/":                              octetStream,
		"a/b/c":                              octetStream,
		"":                                   octetStream,
		"x/" + strings.Repeat("y", 300):      octetStream,
		"x/y; z=" + strings.Repeat("z", 300): "x/y",
	} {
		require.Equal(t, want, storedContentType(given), "%q", given)
	}
}
