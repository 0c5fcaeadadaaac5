package test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// checks runs `worker check --json` and returns what it found wrong, by what
// was tried.
func (w *world) checks(status int, env ...string) (tried []string, wrong map[string]string) {
	w.t.Helper()
	for i := 0; i < len(env); i += 2 {
		w.env[env[i]] = env[i+1]
	}
	exit, stdout, stderr := w.run("", "check", "--json")
	require.Equal(w.t, status, exit, "%s%s", stdout, stderr)
	wrong = map[string]string{}
	for line := range strings.Lines(stdout) {
		var c struct {
			Check, Found, Error string
			OK                  bool
		}
		require.NoError(w.t, json.Unmarshal([]byte(line), &c))
		require.Equal(w.t, c.OK, c.Error == "", line)
		tried = append(tried, c.Check)
		if !c.OK {
			wrong[c.Check] = c.Error
		}
	}
	return tried, wrong
}

func TestCheckOfWhatIsRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, wrong := w.checks(0)
	require.Empty(t, wrong, "that no stream is there yet is nothing wrong")
	w.must("setup")
	tried, _ := w.checks(0)
	require.Equal(t, []string{
		"nats connection", "stream JOBS", "consumer jobferry of JOBS", "pull from JOBS", "acknowledge in JOBS",
		"stream JOBS_WAIT", "publish jobs.wait.jobferry-check", "consumer jobferry of JOBS_WAIT", "pull from JOBS_WAIT", "acknowledge in JOBS_WAIT",
		"stream JOBS_EVENTS", "publish jobs.events.completed.jobferry-check", "publish jobs.events.rejected.JOBS.0",
		"job API", "bucket", "store an object", "read it", "delete it",
	}, tried)
	require.Zero(t, w.count("JOBS")+w.count("JOBS_WAIT")+w.count("JOBS_EVENTS"), "nothing is left behind")
	require.Empty(t, w.objects())
	require.Contains(t, w.must("check"), "ok     nats connection")
}

func TestCheckSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must("setup")
	stream, err := w.js.Stream(t.Context(), "JOBS_WAIT")
	require.NoError(t, err)
	limited := stream.CachedInfo().Config
	limited.MaxMsgs = 7
	_, err = w.js.UpdateStream(t.Context(), limited)
	require.NoError(t, err)
	consumer, err := w.js.Consumer(t.Context(), "JOBS", "jobferry")
	require.NoError(t, err)
	narrow := consumer.CachedInfo().Config
	narrow.MaxAckPending = 10
	_, err = w.js.UpdateConsumer(t.Context(), "JOBS", narrow)
	require.NoError(t, err)
	_, wrong := w.checks(1, "WORKER_STREAM_REPLICAS", "3", "NITRO_CLIENT_SECRET", "not-the-secret", "AWS_SECRET_ACCESS_KEY", "not-the-key")
	require.Contains(t, wrong["stream JOBS_WAIT"], "limits")
	require.Contains(t, wrong["stream JOBS"], "--replicas=3 JOBS")
	require.Contains(t, wrong["consumer jobferry of JOBS"], "worker setup")
	require.Contains(t, wrong["job API"], "NITRO_CLIENT_SECRET")
	require.Contains(t, wrong["bucket"], w.bucket)
	require.Len(t, wrong, 6, "%v", wrong)
	for _, text := range wrong {
		require.NotContains(t, text, "not-the-")
	}
	_, wrong = w.checks(1, "NATS_URL", "nats://127.0.0.1:1")
	require.Contains(t, wrong["nats connection"], "127.0.0.1:1")
	require.Contains(t, wrong, "job API", "the rest is tried all the same")
}

// TestCheckTriesThePermissions: with exactly a worker's there is nothing wrong,
// and each that is missing is named.
func TestCheckTriesThePermissions(t *testing.T) {
	t.Parallel()
	w := permittedWorld(t, "")
	w.runs("admin", "setup")
	_, wrong := w.checks(0, "NATS_USER", "worker", "NATS_PASSWORD", natsPassword)
	require.Empty(t, wrong)

	taken := map[string]string{
		"acknowledge in JOBS":              "$JS.ACK.JOBS.jobferry.>",
		"pull from JOBS_WAIT":              "$JS.API.CONSUMER.MSG.NEXT.JOBS_WAIT.jobferry",
		"publish jobs.wait.jobferry-check": "jobs.wait.*",
	}
	w = permittedWorld(t, "worker", slices.Collect(maps.Values(taken))...)
	w.runs("admin", "setup")
	_, wrong = w.checks(1, "NATS_USER", "worker", "NATS_PASSWORD", natsPassword)
	require.Len(t, wrong, len(taken), "%v", wrong)
	for what, permission := range taken {
		require.Contains(t, wrong[what], strings.TrimSuffix(permission, "*"), what)
	}
}
