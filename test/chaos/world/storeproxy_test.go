package world

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxied is a front before a server that says what it was asked.
func proxied(t *testing.T) (f *storeProxy, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Method+" "+r.Host+r.URL.String()+" "+r.Header.Get("Authorization")+" "+string(body))
	}))
	t.Cleanup(server.Close)
	f, err := newStoreProxy(server.URL, unseen)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.close() })
	return f, asked
}

// unseen is the look of a store that shows nothing.
func unseen(context.Context, string) (Sighting, error) { return Sighting{}, nil }

func put(t *testing.T, f *storeProxy) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, f.url()+"/b/k%20y?x=1", strings.NewReader("content"))
	require.NoError(t, err)
	request.Host = "results.example:9000"
	request.Header.Set("Authorization", "signed")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(answer)
}

func TestFrontKeepsAllThatASignatureCovers(t *testing.T) {
	t.Parallel()
	f, _ := proxied(t)
	status, body := put(t, f)
	require.Equal(t, 200, status)
	require.Equal(t, "PUT results.example:9000/b/k%20y?x=1 signed content", body)
}

func TestFrontAnswersInTheStoresPlace(t *testing.T) {
	t.Parallel()
	f, asked := proxied(t)
	f.inject("x", injectedError{status: 503, code: "SlowDown", share: 1})
	status, body := put(t, f)
	require.Equal(t, 503, status)
	require.Contains(t, body, "<Code>SlowDown</Code>")
	require.Zero(t, asked.Load(), "the store is not asked")
	f.stopInjecting("x")
	status, _ = put(t, f)
	require.Equal(t, 200, status)
}

func TestFrontTakesAnAnswerAway(t *testing.T) {
	t.Parallel()
	f, asked := proxied(t)
	f.inject("x", injectedError{status: 500, code: "InternalError", share: 1, late: true})
	status, body := put(t, f)
	require.Equal(t, 500, status)
	require.NotContains(t, body, "signed")
	require.Equal(t, int64(1), asked.Load(), "the store has done it")
}

func TestFrontStrikesAShareOfTheRequests(t *testing.T) {
	t.Parallel()
	f, _ := proxied(t)
	random := []float64{0.1, 0.31, 0.29, 0.9}
	f.random = func() float64 {
		next := random[0]
		random = random[1:]
		return next
	}
	f.inject("x", injectedError{status: 500, share: 0.3})
	require.False(t, f.struck("x"))
	for _, want := range []int{500, 200, 500, 200} {
		status, _ := put(t, f)
		require.Equal(t, want, status)
	}
	require.True(t, f.struck("x"))
}
