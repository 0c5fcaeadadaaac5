package mediatype_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/mediatype"
	"github.com/stretchr/testify/require"
)

func TestContentEncoding(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want   string
		values []string
	}{
		{"", nil},
		{"gzip", []string{"GZip"}},
		{"", []string{"identity"}},
		{"gzip", []string{"aws-chunked,gzip"}},
		{"deflate, gzip", []string{"deflate", " gzip ,"}},
		{"", []string{"gzip\x1b[2J"}},
		{"", []string{"gz ip"}},
		{"", []string{strings.Repeat("a", 101)}},
	} {
		require.Equal(t, test.want, mediatype.ContentEncoding(http.Header{"Content-Encoding": test.values}), "%q", test.values)
	}
}
