package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
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
		"nats connection", "inbox",
		"stream JOBS", "consumer jobferry of JOBS", "pull from JOBS", "acknowledge in JOBS", "read from JOBS",
		"stream JOBS_WAIT", "consumer jobferry of JOBS_WAIT", "pull from JOBS_WAIT", "acknowledge in JOBS_WAIT", "read from JOBS_WAIT",
		"publish jobs.wait.jobferry-check",
		"stream JOBS_EVENTS", "read from JOBS_EVENTS", "purge replaced events from JOBS_EVENTS",
		"publish jobs.events.completed.jobferry-check", "publish jobs.events.rejected.JOBS.0",
		"subscribe jobs.pods", "publish jobs.pods", "answer jobs.pods", "subscribe $SRV.*", "subscribe $SRV.*.jobferry", "subscribe $SRV.*.jobferry.*",
		"job API", "bucket", "checksum", "store an object", "read it", "delete it",
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

func TestCheckAsksEachBucketThatSubmissionsMayName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.bucket + "-other"
	_, err := w.s3.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &other})
	require.NoError(t, err)
	_, wrong := w.checks(1, "S3_ALLOWED_BUCKETS", strings.Join([]string{w.bucket, other, "nosuchbucket"}, ","))
	require.Len(t, wrong, 1, "%v", wrong)
	require.Contains(t, wrong["bucket nosuchbucket"], "create the bucket or correct its name, or take it out of S3_ALLOWED_BUCKETS")
	tried, _ := w.checks(0, "S3_ALLOWED_BUCKETS", other)
	require.Contains(t, tried, "bucket "+other)
	require.Empty(t, w.objects())
	left, err := w.s3.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: &other})
	require.NoError(t, err)
	require.Empty(t, left.Contents, "nothing was ever stored in it")
}

// With exactly a worker's permissions there is nothing wrong, before the streams
// are there and after, and each that is missing is named, alone.
func TestCheckNamesEachPermissionThatIsMissing(t *testing.T) {
	t.Parallel()
	w := permittedWorld(t, "")
	for range 2 {
		_, wrong := w.checks(0, "NATS_USER", "worker", "NATS_PASSWORD", natsPassword)
		require.Empty(t, wrong)
		w.runs("admin", "setup")
	}
	for _, permission := range permissionsWith(t, "worker", "") {
		t.Run(permission, func(t *testing.T) {
			t.Parallel()
			w := permittedWorld(t, "worker", permission)
			if !toCreate(permission) {
				w.runs("admin", "setup")
			}
			w.namesAsMissing(permission, permission)
		})
	}
	t.Run("jobs.pods, subscription", func(t *testing.T) { // it stands twice in the file
		t.Parallel()
		w := permittedWorld(t, "worker", "jobs.pods", "jobs.pods")
		w.namesAsMissing("subscribe to jobs.pods", "publish to jobs.pods")
	})
}

// toCreate reports whether a permission is tried for a stream that is missing
// alone: who lets others create the streams need not give it.
func toCreate(permission string) bool {
	return strings.Contains(permission, ".CREATE.") || permission == "$JS.API.STREAM.NAMES"
}

// namesAsMissing asserts that check finds these permissions missing, and
// nothing else wrong.
func (w *world) namesAsMissing(permissions ...string) {
	w.t.Helper()
	_, wrong := w.checks(1, "NATS_USER", "worker", "NATS_PASSWORD", natsPassword)
	said := strings.Join(slices.Collect(maps.Values(wrong)), "\n")
	for _, permission := range permissions {
		require.Contains(w.t, said, permission)
	}
	require.LessOrEqual(w.t, len(wrong), len(permissions), said)
}

// A stream that does not fit ends all three commands that look at it.
func TestAStreamOfSubmissionsThatIsNoneIsNamed(t *testing.T) {
	t.Parallel()
	for says, stream := range map[string]jetstream.StreamConfig{
		"does not take jobs.submit": {Subjects: []string{"orders.>"}, Retention: jetstream.WorkQueuePolicy},
		"must be a work queue":      {Subjects: []string{"jobs.submit", "jobs.submit.>"}},
	} {
		w := newWorld(t)
		stream.Name = "JOBS"
		_, err := w.js.CreateStream(t.Context(), stream)
		require.NoError(t, err)
		_, wrong := w.checks(1)
		require.Len(t, wrong, 1, "%v", wrong)
		require.Contains(t, wrong["stream JOBS"], says)
		status, stdout, stderr := w.run("", "setup")
		require.Equal(t, 1, status)
		require.Empty(t, stdout)
		require.Contains(t, stderr, says)
		p := w.start(nil)
		require.Equal(t, 1, p.status())
		lines := strings.Split(strings.TrimSpace(p.out.String()), "\n")
		require.Contains(t, lines[len(lines)-1], says)
	}
}

// A server without message schedules cannot be run here: one that says to be so
// old stands for it.
func TestCheckNamesAServerWithoutSchedules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, wrong := w.checks(1, "NATS_URL", w.olderBroker("2.11.9"))
	require.Len(t, wrong, 1, "%v", wrong)
	require.Contains(t, wrong["stream JOBS_WAIT"], "nats-server 2.11.9 does not support them; it needs to be 2.12 or later")
	w.must("setup")
	_, wrong = w.checks(0)
	require.Empty(t, wrong, "a stream that is there has schedules or has none, whatever the version says")
}

func TestCheckNamesWhatIsInTheWayOfAStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "IN-THE-WAY", Subjects: []string{"jobs.submit.mine"}})
	require.NoError(t, err)
	_, wrong := w.checks(1)
	require.Len(t, wrong, 1)
	require.Contains(t, wrong["subjects of JOBS"], "IN-THE-WAY")
}

func TestCheckSaysThatJetStreamIsOff(t *testing.T) {
	t.Parallel()
	w := secureWorld(t, configured(t, fmt.Sprintf(
		`accounts { PLAIN { users: [{ user: worker, password: %q }] } }`, natsPassword,
	)), nats.UserInfo("worker", natsPassword))
	tried, wrong := w.checks(1, "NATS_USER", "worker", "NATS_PASSWORD", natsPassword)
	require.Len(t, wrong, 1)
	require.Contains(t, wrong["stream JOBS"], "JetStream is off for this account: enable it")
	require.NotContains(t, tried, "stream JOBS_WAIT", "one line says it")
}

func TestCheckSaysThatDownloadsUseNoProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.env["HTTPS_PROXY"] = "http://user:secret@proxy.internal:3128" // the API is on this machine, where no proxy is used
	exit, stdout, stderr := w.run("", "check")
	require.Zero(t, exit, stderr)
	require.Contains(t, stdout, "proxy.internal:3128; HTTPS_PROXY is for the job API alone")
	require.NotContains(t, stdout+stderr, "secret@")
}
