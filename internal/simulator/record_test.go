package simulator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/simulator"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	clock := newClock()
	began := clock.now()
	c := start(t, simulator.Options{Now: clock.now})
	c.Add(simulator.Job{ID: "a", Polls: 1, Files: []simulator.File{{Size: 100}, {Size: 50}}})
	c.fetchToken("simulator", "wrong")
	c.poll("a")
	clock.advance(3 * time.Second)
	c.status("a")
	c.poll("a")
	c.get(c.SignedURL("a", 0))
	c.get(c.SignedURL("a", 0), "Range", "bytes=90-")
	c.poll("unknown")
	require.NoError(t, c.Close()) // every handler has noted its end

	record := c.Record()
	require.Equal(t, simulator.JobRecord{
		Polls:       []simulator.Call{{At: began, Status: 404}, {At: began.Add(3 * time.Second), Status: 200}},
		StatusPolls: []simulator.Call{{At: began.Add(3 * time.Second), Status: 200}},
		Files:       map[int]simulator.FileRecord{0: {Downloads: 2, Ranges: 1, Bytes: 110}},
	}, record.Jobs["a"])
	require.Equal(t, record.Jobs["a"], c.JobRecord("a"))
	require.Len(t, record.Jobs["unknown"].Polls, 1)
	require.Equal(t, []simulator.Call{{At: began, Status: 401}}, record.Tokens)
	require.Equal(t, map[string]int{"token": 1, "result": 3, "status": 1, "file": 2}, record.Requests)
	require.Equal(t, 1, record.PeakPolls)
	require.Equal(t, 1, record.PeakDownloads)
	require.Equal(t, 0, record.OtherAccept)
	require.Equal(t, simulator.JobRecord{}, c.JobRecord("nobody"))
}

// A snapshot shares nothing with the record that goes on.
func TestRecordIsACopy(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a"})
	c.poll("a")
	record := c.Record()
	record.Jobs["a"].Polls[0].Status = 999
	record.Requests["result"] = 999
	c.poll("a")
	require.Len(t, record.Jobs["a"].Polls, 1)
	require.Equal(t, 2, c.Record().Requests["result"])
	require.NotEqual(t, 999, c.JobRecord("a").Polls[0].Status)
}

// What goes wrong is counted when it has, not when it is planned.
func TestRecordCountsFaults(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := start(t, simulator.Options{Now: clock.now, URLLife: time.Minute})
	released := make(chan struct{})
	close(released)
	from := c.faulty(simulator.File{Faults: simulator.Faults{
		Expired: 1, Unavailable: 2, CutAt: []int64{100_000, 290_000}, StallAt: []int64{50_000}, StallUntil: released,
	}})
	for range 4 {
		from(0)
	}
	old := c.SignedURL("a", 0)
	clock.advance(2 * time.Minute)
	c.get(old)
	require.NoError(t, c.Close()) // every handler has noted its end
	require.Equal(t, simulator.FileRecord{
		Downloads: 5, Refused: 4, Expired: 2, Unavailable: 2, Cuts: 1, Stalls: 1, Bytes: c.JobRecord("a").Files[0].Bytes,
	}, c.JobRecord("a").Files[0])
}
