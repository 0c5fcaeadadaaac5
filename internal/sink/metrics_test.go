package sink

import (
	"io"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

func TestPutCountsRequestsAndBytes(t *testing.T) {
	t.Parallel()
	store, j := openStore(t, Config{}, chain(backend.server.URL())), newJob(t)
	for _, size := range []int64{1000, -1} {
		_, err := store.Put(t.Context(), j, "result", pdf(pattern(1000), size))
		require.NoError(t, err)
	}
	_, err := store.Put(t.Context(), j, "result", pdf(pattern(minPartSize+1), -1))
	require.NoError(t, err)
	j.Bucket = "nowhere"
	store.modes.set(j.Bucket, ModeTrailer)
	_, err = store.Put(t.Context(), j, "result", pdf(pattern(0), 0))
	require.Error(t, err)

	require.InDelta(t, 2000+minPartSize+1, valueOf(t, store.metrics.bytes), 0)
	for labels, want := range map[[2]string]float64{
		{opPutObject, "2xx"}: 2, {opPutObject, "4xx"}: 1, {opPutObject, "5xx"}: 0,
		{opCreate, "2xx"}: 1, {opUploadPart, "2xx"}: 2, {opComplete, "2xx"}: 1,
	} {
		require.InDelta(t, want, valueOf(t, store.metrics.requests.WithLabelValues(labels[:]...)), 0, "%v", labels)
	}
}

// TestBytesAreCountedWhileATransferRuns: the alerts tell by them a long transfer
// from a standstill.
func TestBytesAreCountedWhileATransferRuns(t *testing.T) {
	t.Parallel()
	const before, after = 2 * minPartSize, 1000
	for name, size := range map[string]int64{"known size": before + after, "unknown size": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, j := plainStore(t), newJob(t)
			rest, release := io.Pipe()
			stored := make(chan error, 1)
			go func() {
				_, err := store.Put(t.Context(), j, "result", pdf(io.MultiReader(pattern(before), rest), size))
				stored <- err
			}()
			require.Eventually(t, func() bool { return valueOf(t, store.metrics.bytes) >= before }, 20*time.Second, 5*time.Millisecond,
				"nothing is counted before the end")
			_, err := io.Copy(release, pattern(after))
			require.NoError(t, err)
			require.NoError(t, release.Close())
			require.NoError(t, <-stored)
			require.InDelta(t, before+after, valueOf(t, store.metrics.bytes), 0)
		})
	}
}

func valueOf(t *testing.T, counter prometheus.Counter) float64 {
	t.Helper()
	var metric dto.Metric
	require.NoError(t, counter.Write(&metric))
	return metric.GetCounter().GetValue()
}
