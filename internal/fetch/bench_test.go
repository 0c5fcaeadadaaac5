package fetch

import (
	"io"
	"net/http"
	"testing"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

// BenchmarkPoll is the answer that a waiting job gets, and the one that most
// jobs end with.
func BenchmarkPoll(b *testing.B) {
	for name, api := range map[string]fetchtest.Transport{
		"running": fetchtest.Replies(http.StatusNotFound, "{}"),
		"file":    fetchtest.Answering(completed(`{"file":{"URL":"https://h/x?signature","contentType":"application/pdf","metadata":{"fileSizeBytes":1}}}`)),
		"text":    fetchtest.Answering(completed(`"text"`)),
	} {
		b.Run(name, func(b *testing.B) {
			client := offline(b, api, nil)
			b.ReportAllocs()
			for b.Loop() {
				answer, err := client.Poll(b.Context(), fetchtest.ID)
				if err != nil {
					b.Fatal(err)
				}
				_ = answer.Close()
			}
		})
	}
}

func BenchmarkDownload(b *testing.B) {
	const size = 64 * fetchtest.Mebibyte
	host := serve(b, func(w http.ResponseWriter, _ *http.Request) {
		body, _ := fetchtest.Repeat("0123456789abcdef", size)
		_, _ = io.Copy(w, body)
	})
	client := newClient(b, "https://api.test")
	b.SetBytes(size)
	for b.Loop() {
		source, err := client.Download(job.Job{ID: fetchtest.ID}, []job.File{fileAt(host, "/f")}).Open(b.Context(), 0)
		require.NoError(b, err)
		n, err := io.Copy(io.Discard, fetchtest.OnlyReader{Reader: source})
		require.NoError(b, err)
		require.EqualValues(b, size, n)
		require.NoError(b, source.Close())
	}
}
