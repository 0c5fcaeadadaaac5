package fetch

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPaceCountsSlowWindowsInARow(t *testing.T) {
	t.Parallel()
	p := pace{rate: 10, window: time.Second}
	window := func(n int) error { return p.add(n, time.Second) }
	require.ErrorIs(t, window(9), errSlow)
	require.ErrorIs(t, window(0), errSlow)
	require.Equal(t, 2, p.slow)
	require.NoError(t, window(10))
	require.Zero(t, p.slow)
	require.ErrorIs(t, p.add(19, 2*time.Second), errSlow)
	require.Equal(t, 1, p.slow)

	// Within a window nothing is said.
	require.NoError(t, p.add(0, time.Second-1))
	require.NoError(t, p.add(10, 1))
	require.NoError(t, (&pace{}).add(0, time.Hour))
}

// A host that hangs up every so often, and brings something each time, is
// resumed without a pause; one that hangs up after each byte is not.
func TestPausesBetweenBriefConnections(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("x", 40*worthwhile)
	heal(t, nil, script(sends(content, worthwhile, errReset)), func(t *testing.T, got string, err error, took time.Duration, _ *Client) {
		require.NoError(t, err)
		require.Len(t, got, len(content))
		require.Zero(t, took)
	})
	files := script(sends(content, worthwhile, errReset), sends(content, 1, errReset))
	heal(t, nil, files, func(t *testing.T, _ string, err error, took time.Duration, _ *Client) {
		requireUnavailable(t, err)
		require.ErrorIs(t, err, errSlow)
		require.Less(t, len(files.seen()), 200)
		require.Less(t, took, 2*maxSlow*defaultRateWindow)
	})
}

// However many pieces a small file comes in, it comes.
func TestManyBriefConnectionsBringASmallFile(t *testing.T) {
	t.Parallel()
	var asked []*http.Request
	one := sends(digits, 1, io.ErrUnexpectedEOF)
	files := script(func(req *http.Request) (*http.Response, error) {
		asked = append(asked, req)
		return one(req)
	})
	heal(t, nil, files, func(t *testing.T, got string, err error, took time.Duration, _ *Client) {
		require.NoError(t, err)
		require.Equal(t, digits, got)
		require.Len(t, asked, len(digits))
		require.Less(t, took, 30*time.Second)
		require.Greater(t, took, time.Second)
	})
}
