package simulator_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/simulator"
)

// faultySize is more than the buffers between a handler and its client.
const faultySize = 300_000

// faulty adds a job of one file and returns a function that downloads it from
// an offset on.
func (c *client) faulty(file simulator.File) (from func(offset int) reply) {
	c.t.Helper()
	if file.Size == 0 {
		file.Size = faultySize
	}
	c.Add(simulator.Job{ID: "a", Files: []simulator.File{file}})
	return func(offset int) reply {
		if offset == 0 {
			return c.get(c.SignedURL("a", 0))
		}
		return c.get(c.SignedURL("a", 0), "Range", fmt.Sprintf("bytes=%d-", offset))
	}
}

func content(t *testing.T) []byte {
	t.Helper()
	return bytesOf(t, simulator.FileContent("a", 0, faultySize))
}

// Each offset cuts once, to the byte, wherever the download began.
func TestCutAt(t *testing.T) {
	t.Parallel()
	for _, chunked := range []bool{false, true} {
		c := start(t, simulator.Options{})
		all := content(t)
		from := c.faulty(simulator.File{Chunked: chunked, Faults: simulator.Faults{CutAt: []int64{100_000, 0, 250_001}}})
		var got []byte
		var lengths []int
		for len(got) < faultySize {
			part := from(len(got))
			got = append(got, part.body...)
			lengths = append(lengths, len(got))
			require.Equal(t, len(got) < faultySize, part.err != nil)
		}
		require.Equal(t, []int{0, 100_000, 250_001, faultySize}, lengths)
		require.Equal(t, all, got)
		require.NoError(t, from(0).err, "each once")
	}
}

func TestCutEvery(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	from := c.faulty(simulator.File{Faults: simulator.Faults{CutEvery: 100_000}})
	for range 2 {
		require.Len(t, from(0).body, 100_000)
	}
	require.Len(t, from(100_000).body, 100_000)
	rest := from(200_001)
	require.NoError(t, rest.err)
	require.Len(t, rest.body, faultySize-200_001)
}

func TestShortForever(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	from := c.faulty(simulator.File{Faults: simulator.Faults{Short: 10}})
	for range 2 {
		got := from(0)
		require.Error(t, got.err)
		require.Equal(t, fmt.Sprint(faultySize), got.header.Get("Content-Length"))
		require.Len(t, got.body, faultySize-10)
	}
	tail := from(faultySize - 10)
	require.Equal(t, 206, tail.status)
	require.Error(t, tail.err)
	require.Empty(t, tail.body)
}

func TestFirstRequestsFail(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	from := c.faulty(simulator.File{Faults: simulator.Faults{Expired: 1, Unavailable: 2, UnavailableStatus: 502}})
	var statuses []int
	for range 4 {
		statuses = append(statuses, from(0).status)
	}
	require.Equal(t, []int{403, 502, 502, 200}, statuses)
	record := c.JobRecord("a").Files[0]
	require.Equal(t, 4, record.Downloads)
	require.Equal(t, 3, record.Refused)
}

func TestAlways(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	from := c.faulty(simulator.File{Faults: simulator.Faults{Expired: simulator.Always}})
	for range 3 {
		got := from(0)
		require.Equal(t, 403, got.status)
		require.Contains(t, code(t, got), "Request has expired")
	}
	require.True(t, c.SetFaults("a", 0, simulator.Faults{Unavailable: simulator.Always}))
	require.Equal(t, 503, from(0).status)
	require.True(t, c.SetFaults("a", 0, simulator.Faults{}))
	require.Equal(t, 200, from(0).status)
	require.False(t, c.SetFaults("a", 1, simulator.Faults{}))
	require.False(t, c.SetFaults("b", 0, simulator.Faults{}))
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "target"})
	from := c.faulty(simulator.File{Faults: simulator.Faults{Redirect: c.SignedURL("target", 0)}})
	require.Equal(t, bytesOf(t, simulator.FileContent("target", 0, 10<<10)), from(0).body)
	require.Equal(t, 1, c.JobRecord("a").Files[0].Refused)
	require.Equal(t, 1, c.JobRecord("target").Files[0].Downloads)
}

func TestNoRange(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	from := c.faulty(simulator.File{Faults: simulator.Faults{NoRange: true, NoETag: true}})
	got := from(1000)
	require.Equal(t, 200, got.status)
	require.Equal(t, "none", got.header.Get("Accept-Ranges"))
	require.Empty(t, got.header.Get("ETag"))
	require.Empty(t, got.header.Get("Last-Modified"))
	require.Equal(t, content(t), got.body)
}

func TestChange(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	from := c.faulty(simulator.File{Faults: simulator.Faults{ChangeAfter: 1}})
	before, after := from(0), from(0)
	require.Equal(t, content(t), before.body)
	require.NotEqual(t, before.header.Get("ETag"), after.header.Get("ETag"))
	require.Len(t, after.body, faultySize)
	require.NotEqual(t, before.body, after.body)
	part := c.get(c.SignedURL("a", 0), "Range", "bytes=10-", "If-Range", before.header.Get("ETag"))
	require.Equal(t, 200, part.status, "the whole of the other file")
}

// A stalled download sends what comes before the stall, and goes on when it is
// released.
func TestStallReleased(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	release := make(chan struct{})
	c.faulty(simulator.File{Faults: simulator.Faults{StallAt: []int64{100_000}, StallUntil: release}})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.SignedURL("a", 0), nil)
	require.NoError(t, err)
	response, err := c.http.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	head := make([]byte, 100_000)
	_, err = io.ReadFull(response.Body, head)
	require.NoError(t, err)
	require.Equal(t, 1, c.Record().PeakDownloads)
	close(release)
	tail, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, content(t), append(head, tail...))
}

// A stall without an end holds the handler until the server closes.
func TestStallUntilClose(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.faulty(simulator.File{Faults: simulator.Faults{StallAt: []int64{0}}})
	got := make(chan reply, 1)
	go func() {
		answer, err := c.try(http.MethodGet, c.SignedURL("a", 0), nil)
		answer.err = cmp.Or(answer.err, err) // the end may come before the header
		got <- answer
	}()
	c.eventually(func() bool { return c.JobRecord("a").Files[0].Downloads == 1 })
	require.Empty(t, got)
	require.NoError(t, c.Close())
	cut := <-got
	require.Error(t, cut.err)
	require.Empty(t, cut.body)
}

// At a byte a second nothing comes after the first burst.
func TestRate(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.faulty(simulator.File{Faults: simulator.Faults{Rate: 1}})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.SignedURL("a", 0), nil)
	require.NoError(t, err)
	response, err := c.http.Do(request)
	require.NoError(t, err)
	const burst = 16 << 10
	_, err = io.ReadFull(response.Body, make([]byte, burst))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NoError(t, c.Close())
	require.EqualValues(t, burst, c.JobRecord("a").Files[0].Bytes)
}
