package page

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// counted is a hub whose readings are numbered by their pod, from 1 on for
// each time that somebody begins to watch.
func counted(limit int) (h *hub, begun, readings *atomic.Int64) {
	begun, readings = new(atomic.Int64), new(atomic.Int64)
	return newHub(limit, func() readFunc {
		begun.Add(1)
		return func(context.Context) Snapshot {
			return Snapshot{ReasonsOf: int(readings.Add(1))}
		}
	}), begun, readings
}

func looked(t *testing.T, body []byte) int {
	t.Helper()
	var s Snapshot
	require.NoError(t, json.Unmarshal(body, &s))
	return s.ReasonsOf
}

func TestNothingIsReadWhileNobodyWatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, begun, readings := counted(2)
		time.Sleep(time.Hour)
		require.Zero(t, begun.Load())
		_, leave := h.join()
		time.Sleep(3*interval + interval/2)
		require.EqualValues(t, 4, readings.Load())
		leave()
		time.Sleep(time.Hour)
		require.EqualValues(t, 4, readings.Load())
		h.close()
	})
}

func TestAllWatchersShareAReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, begun, readings := counted(2)
		first, leaveFirst := h.join()
		second, leaveSecond := h.join()
		none, _ := h.join()
		require.Nil(t, none, "no more than the limit")
		time.Sleep(interval / 2)
		require.Equal(t, 1, looked(t, <-first))
		time.Sleep(2 * interval)
		require.Equal(t, 3, looked(t, <-first), "a slow one is not sent what is past")
		require.Equal(t, 3, looked(t, <-second))
		require.EqualValues(t, 3, readings.Load())
		leaveFirst()
		late, leaveLate := h.join()
		require.Equal(t, 3, looked(t, <-late), "who comes later need not wait for the next one")
		leaveLate()
		time.Sleep(interval)
		require.Equal(t, 4, looked(t, <-second), "the other goes on")
		leaveSecond()
		again, leave := h.join()
		time.Sleep(interval / 2)
		require.Equal(t, 5, looked(t, <-again))
		require.EqualValues(t, 2, begun.Load())
		leave()
		h.close()
	})
}

func TestClosingEndsTheStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := counted(2)
		watcher, leave := h.join()
		synctest.Wait()
		<-watcher
		h.close()
		_, open := <-watcher
		require.False(t, open)
		leave()
		none, _ := h.join()
		require.Nil(t, none)
		h.close()
	})
}
