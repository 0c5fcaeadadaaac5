package test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jobferry/jobferry/docs/schemas"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// beyondSchemas are the rules of a submission that no schema can tell, by what
// the event of one that breaks them says.
var beyondSchemas = []string{"as S3 headers carry it", "ignoring case", "S3_ALLOWED_BUCKETS"}

// events returns the messages of the events stream, in their order.
func (w *world) events() []*nats.Msg {
	w.t.Helper()
	var all []*nats.Msg
	stream, err := w.js.Stream(context.Background(), "JOBS_EVENTS")
	if err != nil {
		return nil
	}
	for sequence := range stream.CachedInfo().State.LastSeq {
		answer, err := w.nc.Request("$JS.API.DIRECT.GET.JOBS_EVENTS", fmt.Appendf(nil, `{"seq":%d}`, sequence+1), time.Second)
		require.NoError(w.t, err)
		if answer.Header.Get("Status") == "" { // else it was replaced or purged
			all = append(all, answer)
		}
	}
	return all
}

// checkMessages holds every event that a test has left, and every submission
// that was rejected or led to an event, against the published schemas. A test
// that has taken its broker down has none left.
func (w *world) checkMessages() {
	if w.t.Failed() || !w.nc.IsConnected() {
		return
	}
	set, err := schemas.Load()
	require.NoError(w.t, err)
	settled, rejected := map[job.ID]bool{}, map[string]string{}
	for _, msg := range w.events() {
		require.NoError(w.t, set.CheckEvent(msg.Data), "%s", msg.Data)
		require.Equal(w.t, job.ContentTypeCloudEvent, msg.Header.Get("Content-Type"))
		var event job.Event
		require.NoError(w.t, json.Unmarshal(msg.Data, &event))
		if event.Data.Status == job.OutcomeRejected {
			rejected[event.ID] = event.Data.Reason
		} else {
			settled[event.Data.JobID] = true
		}
	}
	for sequence, body := range w.bodies {
		reason, refused := rejected[fmt.Sprintf("JOBS.%d", sequence)]
		w.checkSubmission(set, body, refused, reason, settled)
	}
}

// checkSubmission wants a rejected submission refused by the schema, where a
// schema can tell, and the submission of a settled job taken.
func (w *world) checkSubmission(set *schemas.Set, body string, rejected bool, reason string, settled map[job.ID]bool) {
	verdict := set.CheckSubmission([]byte(body))
	if !rejected {
		j, _ := job.ParseSubmission([]byte(body), time.Time{}, job.Rules{}) // the ID, whatever else is in it
		if settled[j.ID] {
			require.NoError(w.t, verdict, body)
		}
		return
	}
	for _, rule := range beyondSchemas {
		if strings.Contains(reason, rule) {
			return
		}
	}
	require.Error(w.t, verdict, "rejected for %q: %s", reason, body)
}
