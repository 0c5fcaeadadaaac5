package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobferry/jobferry/internal/health"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = errors.New("away")

func TestReadyWhenEveryConditionHolds(t *testing.T) {
	t.Parallel()
	h := health.New(zap.NewNop(), prometheus.NewRegistry(), "nats", "api")
	require.False(t, h.Ready(), "nothing is known yet")
	h.Set("nats", nil)
	require.False(t, h.Ready())
	h.Set("api", nil)
	require.True(t, h.Ready())
	h.Set("store", errAway)
	require.False(t, h.Ready(), "a new condition counts too")
}

func TestChangesAreLoggedOnce(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	h := health.New(zap.New(core), prometheus.NewRegistry(), "api")
	for _, err := range []error{errAway, errors.New("away, in other words"), errAway, nil, nil} {
		h.Set("api", err)
	}
	require.Len(t, logs.All(), 2, "one line when it breaks, one when it is back")
	logs.TakeAll()
	h.Set("api", errAway)
	h.Set("api", &job.Error{Class: job.ClassRefused, By: job.API, Err: errors.New("bad credentials")})
	require.Len(t, logs.All(), 2, "a refusal is news: somebody has to see to it")
}

func TestAReminderEachMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		h := health.New(zap.New(core), prometheus.NewRegistry(), "api")
		for range 7 { // 3 minutes
			h.Set("api", errAway)
			time.Sleep(30 * time.Second)
		}
		require.Len(t, logs.TakeAll(), 1+3)
		h.Set("api", nil)
		require.Len(t, logs.TakeAll(), 1)
	})
}

func TestWhatWasNeverTriedIsNoNews(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	h := health.New(zap.New(core), prometheus.NewRegistry(), "api")
	h.Set("api", errors.New("not tried yet"))
	require.Empty(t, logs.All())
	h.Set("api", errAway)
	require.Len(t, logs.All(), 1)
}

func start(t *testing.T, h *health.Health, reg *prometheus.Registry) *health.Server {
	t.Helper()
	s, err := health.Start(t.Context(), "127.0.0.1:0", h, reg, http.NotFoundHandler(), zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Shutdown(context.Background())) })
	return s
}

func get(t *testing.T, url, accept string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Header.Set("Accept", accept)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h := health.New(zap.NewNop(), reg, "nats")
	url := "http://" + start(t, h, reg).Addr()

	status, body := get(t, url+"/livez", "")
	require.Equal(t, 200, status)
	require.Equal(t, "ok\n", body)

	h.Set("nats", errors.New("away\nfor long"))
	status, body = get(t, url+"/readyz", "")
	require.Equal(t, 503, status)
	require.Equal(t, "nats: away; for long\n", body, "one line for each condition")
	_, body = get(t, url+"/metrics", "")
	require.Contains(t, body, `jobferry_ready{condition="nats"} 0`)

	h.Set("nats", nil)
	status, body = get(t, url+"/readyz", "application/json")
	require.Equal(t, 200, status)
	require.True(t, json.Valid([]byte(body)))
	require.Contains(t, body, `"ready":true`)
	_, body = get(t, url+"/metrics", "")
	require.Contains(t, body, `jobferry_ready{condition="nats"} 1`)

	status, _ = get(t, url+"/", "")
	require.Equal(t, 404, status)
}

func TestTakenAddressIsAClearError(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h := health.New(zap.NewNop(), reg)
	first := start(t, h, reg)
	_, err := health.Start(t.Context(), first.Addr(), h, reg, http.NotFoundHandler(), zap.NewNop())
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, "WORKER_HTTP_ADDR")
}
