package check_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/test/chaos/check"
)

const (
	secret    = `s3cr3t/with+signs="x"`
	submitted = "2026-11-01T12:00:00Z"
	settled   = "2026-11-01T12:00:10.5Z"
)

// begin is when the jobs were submitted.
var begin = time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)

// clean is a run of a few jobs without a flaw.
func clean(t *testing.T) check.Observation {
	t.Helper()
	o := check.Observation{
		Bucket: "results", Expected: map[string]check.Expectation{}, Acknowledged: map[string]int{}, Work: map[string]check.Work{},
		Left: map[string]uint64{"JOBS": 0, "JOBS_WAIT": 0}, Secrets: []string{secret}, Texts: []check.Text{text("worker-0.log", `{"msg":"job settled"}`)},
		Backoff:     check.Backoff{Initial: time.Second, Max: 30 * time.Second, Multiplier: 1.5, Jitter: 0.2},
		WorkerKills: 3, NodeKills: 1, Faults: map[string]int{"worker kill -9": 3, "node kill -9": 1},
		Planned: map[string]int{"worker kill -9": 3, "node kill -9": 1}, Took: time.Minute,
		Ends: []check.End{
			{Worker: 0, Status: -1, Signal: syscall.SIGKILL, Killed: true}, {Worker: 0, Terminates: 1}, {Worker: 1, Status: 1, Terminates: 2},
			{Worker: 1, Killed: true, Terminates: 1}, {Worker: 2, Status: -1, Signal: syscall.SIGTERM, Terminates: 1},
		},
	}
	complete(t, &o, "pdf", "file", map[string]string{"Order": "Fähre 7"}, "pdf/result.pdf")
	complete(t, &o, "both", "files", nil, "both/result-001.pdf", "both/result-002.pdf")
	complete(t, &o, "away", "delivered", nil)
	settle(t, &o, "broken", check.Expectation{Outcome: "failed", Reasons: []string{"job_failed"}}, map[string]any{"reason": "job_failed"})
	settle(t, &o, "stopped", check.Expectation{Outcome: "canceled"}, nil)
	return o
}

func text(name, content string) check.Text {
	return check.Text{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }}
}

// complete adds a completed job with an object of its own for each key.
func complete(t *testing.T, o *check.Observation, id, kind string, metadata map[string]string, keys ...string) {
	t.Helper()
	want := check.Expectation{Outcome: "completed", Kind: kind, Metadata: metadata}
	var claims []any
	work := check.Work{Polls: []time.Time{begin}}
	for _, key := range keys {
		object := objectOf(t, id, key, metadata)
		o.Objects = append(o.Objects, object)
		o.Sightings = append(o.Sightings, check.Sighting{Key: key, Size: object.Size, CRC64NVME: object.CRC64NVME, At: begin})
		want.Objects = append(want.Objects, check.ExpectedObject{
			Key: key, Size: object.Size, SHA256: object.SHA256, CRC64NVME: object.CRC64NVME, ContentType: object.ContentType,
		})
		claims = append(claims, map[string]any{
			"bucket": "results", "key": key, "size": object.Size, "contentType": object.ContentType,
			"etag": object.ETag, "checksum": object.CRC64NVME,
		})
		work.Files = append(work.Files, check.FileWork{Size: object.Size, Downloads: 1, Bytes: object.Size})
	}
	o.Work[id] = work
	settle(t, o, id, want, map[string]any{"kind": kind, "objects": claims, "metadata": metadata})
}

func objectOf(t *testing.T, id, key string, metadata map[string]string) check.Object {
	t.Helper()
	content := "the content of " + key
	hash := sha256.Sum256([]byte(content))
	sum, err := check.CRC64NVME(strings.NewReader(content))
	require.NoError(t, err)
	stored := map[string]string{"Job-Id": id}
	for name := range metadata { // the only value that any test has, as a header carries it
		stored[strings.ToLower(name)] = "=?UTF-8?b?RsOkaHJlIDc=?="
	}
	return check.Object{
		Key: key, Size: int64(len(content)), SHA256: hex.EncodeToString(hash[:]), CRC64NVME: sum,
		ContentType: "application/pdf", ETag: "etag-" + key, Metadata: stored,
	}
}

// settle adds a job with its event, which has more data than every event has.
func settle(t *testing.T, o *check.Observation, id string, want check.Expectation, more map[string]any) {
	t.Helper()
	o.Expected[id], o.Acknowledged[id] = want, 1
	data := map[string]any{"jobID": id, "status": want.Outcome, "submittedAt": submitted, "settledAt": settled, "polls": 2}
	maps.Copy(data, more)
	publish(o, check.Event{
		Subject: fmt.Sprintf("jobs.events.%s.%s", want.Outcome, id),
		Header:  map[string][]string{"Content-Type": {"application/cloudevents+json"}},
		Data: encode(t, map[string]any{
			"specversion": "1.0", "id": id, "source": "/jobferry", "type": "com.jobferry.job." + want.Outcome + ".v1",
			"subject": id, "time": settled, "datacontenttype": "application/json", "data": data,
		}),
	})
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	body, err := json.Marshal(v)
	require.NoError(t, err)
	return body
}

func TestACleanRunHasNoViolation(t *testing.T) {
	t.Parallel()
	report := check.Run(clean(t))
	require.Empty(t, report.Violations)
	require.True(t, report.OK())
	require.Equal(t, 5, report.Jobs)
	require.Zero(t, report.Unacknowledged)
	require.Zero(t, report.Doubled.Downloads)
}

func TestASubmissionThatWasNeverAcknowledgedNeedsNoEvent(t *testing.T) {
	t.Parallel()
	o := clean(t)
	o.Acknowledged["stopped"] = 0
	never(stopped)(&o)
	report := check.Run(o)
	require.Empty(t, report.Violations)
	require.Equal(t, 1, report.Unacknowledged)
}
