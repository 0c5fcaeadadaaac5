package schemas_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/docs/schemas"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

var (
	submitted = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	rules     = job.Rules{Bucket: "results", AllowedBuckets: []string{"archive"}, Deadline: time.Hour}
)

func load(t *testing.T) *schemas.Set {
	t.Helper()
	set, err := schemas.Load()
	require.NoError(t, err)
	return set
}

// entries returns a metadata object of so many.
func entries(count int) string {
	list := make([]string, count)
	for i := range list {
		list[i] = fmt.Sprintf(`"k%d": ""`, i)
	}
	return `{` + strings.Join(list, ",") + `}`
}

// TestSchemaAndWorkerTakeTheSameSubmissions holds the schema against the
// worker's own reading of each body.
func TestSchemaAndWorkerTakeTheSameSubmissions(t *testing.T) {
	t.Parallel()
	taken := []string{
		"a-B_9", " a-B_9\n", strings.Repeat("a", 128), "0",
		`{"jobID": "a"}`, `{"jobID": "a", "status": "running", "unknown": [1]}`, "\n {\"jobID\": \"a\"} ",
		`{"jobID": "a", "prefix": "tenant-a/2026/"}`, `{"jobID": "a", "prefix": "..a/.b/c../d."}`, `{"jobID": "a", "prefix": "ü//"}`,
		`{"jobID": "a", "prefix": "` + strings.Repeat("p", 512) + `"}`,
		`{"jobID": "a", "bucket": "archive"}`, `{"jobID": "a", "bucket": ""}`,
		`{"jobID": "a", "metadata": ` + entries(16) + `}`, `{"jobID": "a", "metadata": {"job_id": "Zoë"}}`,
		`{"jobID": "a", "prefix": null, "bucket": null, "metadata": null, "deadline": null}`, `{"jobID": "a", "metadata": {"k": null}}`,
		`{"jobID": "a", "tags": {"größe": "a/b", "k": null}}`, `{"jobID": "a", "tags": ` + entries(10) + `}`,
		`{"jobID": "a", "deadline": "2026-11-23T21:30:00.5+01:00"}`,
	}
	refused := []string{
		"", " \n", strings.Repeat("a", 129), "a/b", "a.b", "*", ">", "a b", "../a", "jöb", "a\x00", `["a"]`, `"a"`,
		`{"status": "running"}`, `{"jobID": null}`, `{"jobID": 1}`, `{"jobID": ""}`, `{"jobID": "a b"}`, `{"jobID": "a\n"}`, `{"jobID": "a"`,
		`{"jobID": "a", "prefix": 1}`, `{"jobID": "a", "prefix": "x/../y"}`, `{"jobID": "a", "prefix": "./y"}`, `{"jobID": "a", "prefix": ".."}`,
		`{"jobID": "a", "prefix": "/y"}`, `{"jobID": "a", "prefix": "y\u0007"}`, `{"jobID": "a", "prefix": "y\u0085"}`,
		`{"jobID": "a", "prefix": "` + strings.Repeat("p", 513) + `"}`, `{"jobID": "a", "bucket": 1}`,
		`{"jobID": "a", "metadata": ` + entries(17) + `}`, `{"jobID": "a", "metadata": {"a b": ""}}`, `{"jobID": "a", "metadata": {"": ""}}`,
		`{"jobID": "a", "metadata": {"Job-ID": ""}}`, `{"jobID": "a", "metadata": {"k": "a\nb"}}`, `{"jobID": "a", "metadata": {"k": 1}}`,
		`{"jobID": "a", "tags": {"a&b": ""}}`, `{"jobID": "a", "tags": {"AWS:k": ""}}`, `{"jobID": "a", "tags": {"": ""}}`, `{"jobID": "a", "tags": ` + entries(11) + `}`,
		`{"jobID": "a", "metadata": 7}`, `{"jobID": "a", "deadline": "tomorrow"}`, `{"jobID": "a", "deadline": 1}`,
	}
	for _, body := range taken {
		_, err := job.ParseSubmission([]byte(body), submitted, rules)
		require.NoError(t, err, body)
		require.NoError(t, load(t).CheckSubmission([]byte(body)), body)
	}
	for _, body := range refused {
		_, err := job.ParseSubmission([]byte(body), submitted, rules)
		require.Error(t, err, body)
		require.Error(t, load(t).CheckSubmission([]byte(body)), body)
	}
}

// complete is the data of an event of each outcome with all that it may have.
func complete() map[string]job.EventData {
	three, length := 3, int64(7)
	base := job.EventData{JobID: "a", Metadata: map[string]string{"k": "v"}, SubmittedAt: submitted, SettledAt: submitted, Polls: 1}
	completed, manifest, failed, canceled, rejected := base, base, base, base, base
	completed.Status, completed.Kind = job.OutcomeCompleted, job.KindFile
	completed.Objects = []job.Object{{
		Bucket: "b", Key: "k", Size: 8, ContentType: "application/pdf", ETag: "e", Checksum: "AAAAAAAAAAA=",
		PageCount: &three, DeclaredSize: &length,
	}}
	manifest.Status, manifest.Kind, manifest.ObjectCount = job.OutcomeCompleted, job.KindFiles, 9000
	manifest.Manifest = &job.Manifest{Bucket: "b", Key: "a/objects.json"}
	failed.Status, failed.Reason = job.OutcomeFailed, string(job.ReasonAPIRejected)
	failed.Error = &job.Problem{Type: "about:blank", Title: "t", Status: 422, Detail: "d", Instance: "/i"}
	canceled.Status = job.OutcomeCanceled
	rejected.Status, rejected.Reason, rejected.Polls = job.OutcomeRejected, "the submission is empty", 0
	rejected.Body = base64.StdEncoding.EncodeToString(make([]byte, 8<<10))
	return map[string]job.EventData{
		"completed": completed, "manifest": manifest, "failed": failed, "canceled": canceled, "rejected": rejected,
	}
}

func TestHeadersAreDescribed(t *testing.T) {
	t.Parallel()
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	set := load(t)
	for _, c := range []struct {
		header            map[string][]string
		submission, event bool // whether it is one of theirs
	}{
		{map[string][]string{}, true, false},
		{map[string][]string{"Content-Type": {job.ContentTypeCloudEvent}, "Nats-Sequence": {"3"}}, true, true},
		{map[string][]string{"Content-Type": {job.ContentTypeCloudEvent}, "traceparent": {trace}, "Jobferry-Destination": {`{"bucket":"b"}`}}, true, true},
		{map[string][]string{"Content-Type": {"application/json"}}, true, false},
		{map[string][]string{"Content-Type": {job.ContentTypeCloudEvent}, "Jobferry-Destination": {"b"}}, true, false},
		{map[string][]string{"Nats-Msg-Id": {"a"}, "traceparent": {trace}, "Jobferry-Replaces": {"42"}}, true, false},
		{map[string][]string{"Jobferry-Replaces": {"0"}}, false, false},
		{map[string][]string{"traceparent": {"none"}}, false, false},
	} {
		require.Equal(t, c.submission, set.CheckSubmissionHeaders(c.header) == nil, "a submission's: %v", c.header)
		require.Equal(t, c.event, set.CheckEventHeaders(c.header) == nil, "an event's: %v", c.header)
	}
}

func encode(t *testing.T, data job.EventData) []byte {
	t.Helper()
	body, err := job.NewEvent("a", data, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").Encode()
	require.NoError(t, err)
	return body
}

func TestEventsOfEachOutcomeAreDescribed(t *testing.T) {
	t.Parallel()
	for name, data := range complete() {
		require.NoError(t, load(t).CheckEvent(encode(t, data)), name)
	}
	for _, reason := range job.Reasons() {
		data := complete()["failed"]
		data.Reason = string(reason)
		require.NoError(t, load(t).CheckEvent(encode(t, data)), reason)
	}
	delivered := complete()["completed"]
	delivered.Kind, delivered.Objects = job.KindDelivered, []job.Object{}
	require.NoError(t, load(t).CheckEvent(encode(t, delivered)))
	list, err := json.Marshal(complete()["completed"].Objects)
	require.NoError(t, err)
	require.NoError(t, load(t).CheckManifest(list))
	require.Error(t, load(t).CheckManifest([]byte(`[{}]`)))
}

// TestEveryMemberIsDescribed puts null in the place of each member of an
// event in turn: a member that the schemas do not describe would pass.
func TestEveryMemberIsDescribed(t *testing.T) {
	t.Parallel()
	for name, data := range complete() {
		var event map[string]any
		require.NoError(t, json.Unmarshal(encode(t, data), &event))
		broken(t, name, event, event)
	}
}

func broken(t *testing.T, name string, event, part map[string]any) {
	t.Helper()
	for key, value := range part {
		part[key] = nil
		body, err := json.Marshal(event)
		require.NoError(t, err)
		require.Error(t, load(t).CheckEvent(body), "%s of a %s event", key, name)
		part[key] = value
		if list, ok := value.([]any); ok {
			value = list[0]
		}
		if inner, ok := value.(map[string]any); ok {
			broken(t, name+" "+key, event, inner)
		}
	}
}

func TestEventsThatNoWorkerSendsAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*job.Event){
		"another type":      func(e *job.Event) { e.Type = "com.jobferry.job.failed.v1" },
		"no such status":    func(e *job.Event) { e.Data.Status, e.Type = "done", "com.jobferry.job.done.v1" },
		"no such kind":      func(e *job.Event) { e.Data.Kind = "film" },
		"a reason":          func(e *job.Event) { e.Data.Reason = "job_failed" },
		"no objects":        func(e *job.Event) { e.Data.Objects = nil },
		"no job":            func(e *job.Event) { e.Data.JobID = "" },
		"a short checksum":  func(e *job.Event) { e.Data.Objects[0].Checksum = "AAAA" },
		"objects twice":     func(e *job.Event) { e.Data.Manifest, e.Data.ObjectCount = &job.Manifest{Bucket: "b", Key: "k"}, 1 },
		"a bad traceparent": func(e *job.Event) { e.Traceparent = "00-x" },
	} {
		event := job.NewEvent("a", complete()["completed"], "")
		change(&event)
		body, err := event.Encode()
		require.NoError(t, err)
		require.Error(t, load(t).CheckEvent(body), name)
	}
}
