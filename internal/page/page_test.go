package page_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/page"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T) (*page.Page, *httptest.Server) {
	t.Helper()
	p := page.New(zap.NewNop())
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	t.Cleanup(p.Close)
	return p, server
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestDocumentBringsEverythingItNeeds(t *testing.T) {
	t.Parallel()
	_, server := serve(t)
	resp := get(t, server.URL+"/")
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	policy := resp.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "frame-ancestors 'none'"} {
		require.Contains(t, policy, part)
	}
	require.NotContains(t, policy, "unsafe")
	for _, way := range []string{"http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
		require.NotContains(t, string(body), way)
	}
	require.Equal(t, http.StatusNotFound, get(t, server.URL+"/other").StatusCode)
}

func TestLiveSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	p, server := serve(t)
	resp := get(t, server.URL+"/live")
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	stream := bufio.NewReader(resp.Body)
	line, err := stream.ReadString('\n')
	require.NoError(t, err)
	data, found := strings.CutPrefix(line, "data: ")
	require.True(t, found)
	var s page.Snapshot
	require.NoError(t, json.Unmarshal([]byte(data), &s))
	require.Contains(t, s.Error, "still starting")
	require.Nil(t, s.Jobs, "no numbers rather than wrong ones")

	p.Close()
	_, err = io.ReadAll(stream)
	require.NoError(t, err, "the stream ends in good order")
	require.Equal(t, http.StatusServiceUnavailable, get(t, server.URL+"/live").StatusCode)
}
