package fetch

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func BenchmarkScanner(b *testing.B) {
	for name, pattern := range map[string]string{
		"tables": `{"ID":"x","cells":[["a",1.5e2],["b\n",null]]},`,
		"text":   `"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor",`,
	} {
		document := []byte("[" + strings.Repeat(pattern, mebibyte/len(pattern)) + "0]")
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				var s scanner
				if n, err := s.feed(document); err != nil || n != len(document) {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkUnquote(b *testing.B) {
	for name, pattern := range map[string]string{"ascii": "Lorem ipsum dolor sit amet ", "utf-8": "€ßжé", "escapes": `\u00e9\n\ud83d\ude00`} {
		src := []byte(strings.Repeat(pattern, 64<<10/len(pattern)))
		dst := make([]byte, len(src)+utf8.UTFMax)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if _, took, _, err := unquote(dst, src); err != nil || took != len(src) {
					b.Fatal(took, err)
				}
			}
		})
	}
}

// BenchmarkPoll is the answer that a waiting job gets, and the one that most
// jobs end with.
func BenchmarkPoll(b *testing.B) {
	for name, api := range map[string]transport{
		"running": replies(http.StatusNotFound, ""),
		"file":    answering(completed(`{"file":{"URL":"https://h/x?signature","contentType":"application/pdf","metadata":{"fileSizeBytes":1}}}`)),
		"text":    answering(completed(`"text"`)),
	} {
		b.Run(name, func(b *testing.B) {
			client := offline(b, api, nil)
			b.ReportAllocs()
			for b.Loop() {
				answer, err := client.Poll(b.Context(), testID)
				if err != nil {
					b.Fatal(err)
				}
				_ = answer.Close()
			}
		})
	}
}

func BenchmarkDownload(b *testing.B) {
	const size = 64 * mebibyte
	host := serve(b, func(w http.ResponseWriter, _ *http.Request) {
		body, _ := repeat("0123456789abcdef", size)
		_, _ = io.Copy(w, body)
	})
	client := newClient(b, "https://api.test")
	b.SetBytes(size)
	for b.Loop() {
		source, err := client.Open(b.Context(), testID, 0, fileAt(host, "/f"))
		require.NoError(b, err)
		n, err := io.Copy(io.Discard, onlyReader{source})
		require.NoError(b, err)
		require.EqualValues(b, size, n)
		require.NoError(b, source.Close())
	}
}
