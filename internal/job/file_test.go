package job

import (
	"testing"

	"github.com/jobferry/jobferry/internal/secret"
	"github.com/stretchr/testify/require"
)

func TestAFileIsKnownByItsPath(t *testing.T) {
	t.Parallel()
	at := func(url string) File { return File{URL: secret.New(url)} }
	file := at("https://user@Files.Test:8443/a/b.pdf?X-Amz-Signature=1#x")
	require.Equal(t, "files.test:8443", file.Host())
	require.Equal(t, file.Source(), at("https://mirror.test/a/b.pdf?X-Amz-Signature=2").Source())
	require.NotEqual(t, file.Source(), at("https://files.test:8443/a/c.pdf").Source())
	require.Len(t, file.Source(), 16)
	require.Empty(t, File{}.Host())
	require.Empty(t, File{}.Source(), "delivered elsewhere")
	list := func(paths ...string) string {
		var answer Answer
		for _, path := range paths {
			answer.Files = append(answer.Files, at("https://b/"+path))
		}
		return answer.FileList()
	}
	require.Equal(t, list("x", "y"), list("x?fresh", "y"))
	require.NotEqual(t, list("x", "y"), list("y", "x"))
	require.NotEqual(t, list("x", "y"), list("x"))
	require.Equal(t, "b", Answer{Files: []File{{}, at("https://b/x"), at("https://c/x")}}.FileHost())
}
