package simulator_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/simulator"
)

func TestTakenPorts(t *testing.T) {
	t.Parallel()
	first := start(t, simulator.Options{})
	taken := strings.TrimPrefix(first.APIURL(), "http://")
	_, err := simulator.Start(simulator.Options{APIAddr: taken})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, taken)
	_, err = simulator.Start(simulator.Options{FilesAddr: taken})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	_, err := simulator.Start(simulator.Options{TokenLife: -1, URLLife: -time.Second})
	require.ErrorContains(t, err, "token life is -1ns")
	require.ErrorContains(t, err, "URL life is -1s")
}

// The URLs are ones that a client can reach, wherever the server listens.
func TestURLs(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{APIAddr: ":0", FilesAddr: "localhost:0"})
	require.Contains(t, c.APIURL(), "http://127.0.0.1:")
	require.Equal(t, 404, c.poll("a").status)
	require.NotEqual(t, c.APIURL(), c.FilesURL())
	c.Add(simulator.Job{ID: "b"})
	require.Contains(t, c.SignedURL("b", 0), c.FilesURL()+"/b/0/result.bin?")
	require.Equal(t, 200, c.get(c.SignedURL("b", 0)).status)
}

func TestCloseIsFinal(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	_, err := c.try(http.MethodGet, c.APIURL(), nil)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestURLsOfFilesBehindAProxy(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{PublicFilesURL: "http://files.example:8080"})
	c.Add(simulator.Job{ID: "a"})
	url := c.SignedURL("a", 0)
	require.Contains(t, url, "http://files.example:8080/a/0/result.bin?")
	path := strings.TrimPrefix(url, "http://files.example:8080")
	require.Equal(t, 200, c.get(c.FilesURL()+path).status, "the signature does not cover the host")
}
