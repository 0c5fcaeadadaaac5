package mediatype

import (
	"mime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExtension(t *testing.T) {
	t.Parallel()
	cases := []struct{ contentType, suggested, want string }{
		{"application/pdf", "", ".pdf"},
		{"application/pdf", ".exe", ".pdf"},
		{"Application/PDF; version=1.7", "", ".pdf"},
		{"text/plain; charset", "", ".txt"}, // a broken parameter
		{" image/jpeg ", "", ".jpg"},
		{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "", ".docx"},
		{"application/vnd.ms-excel", "", ".xls"},
		{"application/octet-stream", ".PDF", ".pdf"},
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
		{"x/y", "." + strings.Repeat("a", 11), ".bin"},
	}
	for _, c := range cases {
		require.Equal(t, c.want, Extension(c.contentType, c.suggested), "%q %q", c.contentType, c.suggested)
	}
}

func TestExtensionsAreInOrder(t *testing.T) {
	t.Parallel()
	for mediaType, extension := range extensions {
		require.Regexp(t, form, mediaType)
		require.Regexp(t, `^\.[a-z0-9]+$`, extension)
	}
	require.NotContains(t, extensions, unknown)
}

func TestStored(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"application/pdf":                    "application/pdf",
		"Application/PDF":                    "Application/PDF",
		"text/html; charset=utf-8":           "text/html; charset=utf-8",
		" text/plain ":                       "text/plain",
		"text/plain; charset":                "text/plain",
		"text/plain; title=\"a\x01b\"":       "text/plain",
		"text/plain\r\nX-Amz-Acl: all":       unknown,
		"text/plain; name=\"ü\"":             "text/plain",
		"text":                               unknown,
		"text/":                              unknown,
		"a/b/c":                              unknown,
		"":                                   unknown,
		"x/" + strings.Repeat("y", 300):      unknown,
		"x/y; z=" + strings.Repeat("z", 300): "x/y",
	} {
		require.Equal(t, want, Stored(given), "%q", given)
	}
}

// FuzzStored: whatever comes in, what is stored is a header that can be sent, and
// the extension a harmless end of a key.
func FuzzStored(f *testing.F) {
	for _, seed := range []string{"application/pdf", "text/html; charset=utf-8", "a/b; c", "x", "", "a/b\r\nc: d"} {
		f.Add(seed, ".pdf")
	}
	f.Add("x/y", "./../z")
	f.Fuzz(func(t *testing.T, contentType, suggested string) {
		stored := Stored(contentType)
		require.True(t, isPrintable(stored))
		require.LessOrEqual(t, len(stored), maxMediaType)
		_, _, err := mime.ParseMediaType(stored)
		require.NoError(t, err)
		require.Regexp(t, `^\.[a-z0-9]{1,10}$`, Extension(contentType, suggested))
	})
}
