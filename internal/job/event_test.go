package job_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

func TestEventIsACloudEvent(t *testing.T) {
	t.Parallel()
	pages := 3
	event := job.NewEvent("a", job.EventData{
		JobID: "a", Status: job.OutcomeCompleted, Kind: job.KindFile,
		Objects: []job.Object{{
			Bucket: "b", Key: "a/result.pdf", Size: 102400, ContentType: "application/pdf",
			ETag: "e", Checksum: "AAAAAAAAAAA=", PageCount: &pages,
		}},
		Metadata: map[string]string{"orderID": "42"}, SubmittedAt: submitted, SettledAt: submitted.Add(time.Second), Polls: 4,
	}, "")
	body, err := event.Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{
		"specversion": "1.0", "id": "a", "source": "/jobferry", "type": "com.jobferry.job.completed.v1",
		"subject": "a", "time": "2026-11-23T20:00:01Z", "datacontenttype": "application/json",
		"data": {
			"jobID": "a", "status": "completed", "kind": "file",
			"objects": [{"bucket": "b", "key": "a/result.pdf", "size": 102400, "contentType": "application/pdf",
				"etag": "e", "checksum": "AAAAAAAAAAA=", "pageCount": 3}],
			"metadata": {"orderID": "42"}, "submittedAt": "2026-11-23T20:00:00Z", "settledAt": "2026-11-23T20:00:01Z", "polls": 4
		}}`, string(body))
}

func TestMembersFollowFromTheOutcome(t *testing.T) {
	t.Parallel()
	encode := func(data job.EventData) string {
		body, err := json.Marshal(data)
		require.NoError(t, err)
		return string(body)
	}
	require.NotContains(t, encode(job.EventData{Status: job.OutcomeFailed}), "objects")
	require.Contains(t, encode(job.EventData{Status: job.OutcomeCompleted, Objects: []job.Object{}}), `"objects":[]`,
		"a delivered job has no objects, and says so")
	failed := encode(job.EventData{Status: job.OutcomeFailed, Error: &job.Problem{Type: "T", Title: "t"}})
	require.Contains(t, failed, `"error":{"type":"T","title":"t"}`)
}
