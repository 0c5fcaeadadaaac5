package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

func TestWrongConfigurationListsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	w := isolate(t)
	w.env = map[string]string{
		"NATS_URL": "ftp://x", "NATS_CREDS": "/no/such/file", "NITRO_API_TOKEN": "top-secret", "NITRO_CLIENT_ID": "id",
		"WORKER_POLLS": "many", "WORKER_BACKOFF_MAX": "soon", "S3_PREFIX": "/up", "WORKER_LOG_LEVEL": "loud",
	}
	status, stdout, stderr := w.run("", "run")
	require.Equal(t, 2, status)
	require.Empty(t, stdout)
	for _, variable := range []string{
		"NATS_URL", "NATS_CREDS", "NITRO_API_TOKEN", "S3_BUCKET", "WORKER_POLLS", "WORKER_BACKOFF_MAX", "S3_PREFIX", "WORKER_LOG_LEVEL",
	} {
		require.Contains(t, stderr, variable)
	}
	require.Contains(t, stderr, "many")
	require.NotContains(t, stderr, "top-secret")
}

// What used to show only when the worker ran, one thing at a time or never.
func TestWhatSettingsLeadToIsCheckedWithThem(t *testing.T) {
	t.Parallel()
	garbage := filepath.Join(t.TempDir(), "garbage")
	require.NoError(t, os.WriteFile(garbage, []byte("top-secret"), 0o600))
	w := isolate(t)
	w.env = map[string]string{
		"NATS_NKEY": garbage, "NATS_CA": garbage, "NATS_CERT": garbage, "NATS_KEY": garbage, "NATS_CONTEXT": "nonexist", "WORKER_POLLS": "many",
	}
	status, _, stderr := w.run("", "events")
	require.Equal(t, 2, status)
	require.Contains(t, stderr, "5 settings are wrong")
	maps.Copy(w.env, map[string]string{
		"NITRO_API_TOKEN": "t", "S3_BUCKET": "results", "NATS_CREDS": garbage,
		"AWS_PROFILE": "nonexist", "AWS_CA_BUNDLE": "/no/such/file", "AWS_ENDPOINT_URL_S3": "notaurl",
	})
	status, stdout, stderr := w.run("", "run")
	require.Equal(t, 2, status)
	require.Empty(t, stdout)
	for _, variable := range []string{
		"NATS_CREDS", "NATS_NKEY", "NATS_CA", "NATS_CERT", "NATS_KEY", "NATS_CONTEXT", "AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL_S3", "WORKER_POLLS",
	} {
		require.Contains(t, stderr, "\n  "+variable+`="`+w.env[variable]+`" must be `)
	}
	require.Contains(t, stderr, "10 settings are wrong")
	require.NotContains(t, stderr, "top-secret")
}

func TestSetupSubmitAndEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	status, _, stderr := w.run("", "submit", "early")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "worker setup")

	status, stdout, stderr := w.run("", "setup")
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "JOBS_WAIT")

	w.api.Add(simulator.Job{ID: "one"}, simulator.Job{ID: "two"}, simulator.Job{ID: "three", Outcome: simulator.Failed})
	status, _, stderr = w.run("", "submit", "--prefix", "cli/", "--metadata", "orderID=42", "one")
	require.Zero(t, status, stderr)
	status, _, stderr = w.run("two\n\nbad id\nthree\n", "submit")
	require.Equal(t, 1, status, "a bad ID is told, the others are sent")
	require.Contains(t, stderr, "bad id")
	w.start(nil).ready()

	status, stdout, stderr = w.run("", "events", "--job", "one", "--json")
	require.Zero(t, status, stderr)
	var event job.Event
	require.NoError(t, json.Unmarshal([]byte(stdout), &event))
	require.Equal(t, "cli/one/result.bin", event.Data.Objects[0].Key)
	require.Equal(t, "42", event.Data.Metadata["orderID"])

	status, _, stderr = w.run("", "events", "--job", "two")
	require.Zero(t, status, stderr)
	status, stdout, _ = w.run("", "events", "--job", "three")
	require.Equal(t, 1, status)
	require.Contains(t, stdout, "ConversionFailed")
}

func TestMissingSchedulesEndTheWorkerWithOneClearLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.nc.Request("$JS.API.STREAM.CREATE.JOBS_WAIT", []byte(
		`{"name":"JOBS_WAIT","subjects":["jobs.wait.>","jobs.due.>"],"retention":"workqueue","storage":"file","num_replicas":1,"max_age":0,"discard":"old","max_consumers":-1,"max_msgs":-1,"max_bytes":-1}`), patience)
	require.NoError(t, err)
	p := w.start(nil)
	require.Equal(t, 1, p.status())
	lines := strings.Split(strings.TrimSpace(p.out.String()), "\n")
	require.Contains(t, lines[len(lines)-1], "JOBS_WAIT")
	require.Contains(t, lines[len(lines)-1], "schedules")
}

func TestTakenHTTPAddressNamesTheSetting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.start(nil)
	addr := strings.TrimPrefix(first.url(), "http://")
	second := w.start(map[string]string{"WORKER_HTTP_ADDR": addr})
	require.Equal(t, 1, second.status())
	require.Contains(t, second.out.String(), "WORKER_HTTP_ADDR")
}

func TestMetricsAndHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(nil)
	p.ready()
	status, body := get(t, p.url()+"/readyz")
	require.Equal(t, 200, status)
	for _, condition := range []string{"nats", "streams", "api", "store"} {
		require.Contains(t, body, condition)
	}
	_, zero := get(t, p.url()+"/metrics")
	require.Contains(t, zero, `jobferry_jobs_settled_total{outcome="completed",reason=""} 0`, "there at zero from the start")
	w.add(simulator.Job{ID: "measured", Files: []simulator.File{{Size: 4096}}})
	w.event("measured")
	w.eventually("the metrics do not move", func() bool {
		_, now := get(t, p.url()+"/metrics")
		return strings.Contains(now, `jobferry_jobs_settled_total{outcome="completed",reason=""} 1`) &&
			strings.Contains(now, fmt.Sprintf("jobferry_transferred_bytes_total %d", 4096))
	})
}
