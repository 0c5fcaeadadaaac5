package test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/docs/schemas"
	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
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

// listen hears from now on what commands submit. Where there is no stream
// nobody may listen, for a command is to find that out.
func (w *world) listen() {
	w.t.Helper()
	if w.nc == nil || w.heard != nil {
		return
	}
	if _, err := w.js.Stream(context.Background(), "JOBS"); err != nil {
		return
	}
	var err error
	w.heard, err = w.nc.SubscribeSync("jobs.submit.*")
	require.NoError(w.t, err)
	require.NoError(w.t, w.heard.SetPendingLimits(-1, -1))
	require.NoError(w.t, w.nc.Flush())
}

// commanded returns what commands have submitted since it was called last.
func (w *world) commanded() (all []*nats.Msg) {
	w.t.Helper()
	if w.heard == nil {
		return nil
	}
	require.NoError(w.t, w.nc.Flush()) // what the broker has stored is here after that
	count, _, err := w.heard.Pending()
	require.NoError(w.t, err)
	for range count {
		msg, err := w.heard.NextMsg(time.Second)
		require.NoError(w.t, err)
		all = append(all, msg)
	}
	return all
}

// checkCommanded holds what commands have submitted against the schemas: they
// send nothing that breaks a rule, and no header that is not described.
func (w *world) checkCommanded(set *schemas.Set, submissions []*nats.Msg) {
	w.t.Helper()
	for _, msg := range submissions {
		require.NoError(w.t, set.CheckSubmission(msg.Data), "%s", msg.Data)
		require.NoError(w.t, set.CheckSubmissionHeaders(msg.Header), "%v", msg.Header)
		w.allDescribed(msg.Header, set.CheckSubmissionHeaders)
	}
}

// allDescribed empties each header in turn, which the schema refuses of one that
// it describes. What the broker alone reads is no part of it.
func (w *world) allDescribed(header nats.Header, check func(map[string][]string) error) {
	w.t.Helper()
	for name := range header {
		if strings.HasPrefix(name, "Nats-") && name != nats.MsgIdHdr {
			continue
		}
		broken := maps.Clone(header)
		broken[name] = []string{""}
		require.Error(w.t, check(broken), "the header %s is not described", name)
	}
}

// checkMessages holds every event that a test has left, and every submission
// that was rejected, led to an event or was a command's, against the published
// schemas. A test that has taken its broker down has none left.
func (w *world) checkMessages() {
	if w.t.Failed() || !w.nc.IsConnected() {
		return
	}
	set, err := schemas.Load()
	require.NoError(w.t, err)
	w.checkCommanded(set, w.commanded())
	settled, rejected := map[job.ID]bool{}, map[string]string{}
	for _, msg := range w.events() {
		require.NoError(w.t, set.CheckEvent(msg.Data), "%s", msg.Data)
		require.NoError(w.t, set.CheckEventHeaders(msg.Header), "%v", msg.Header)
		w.allDescribed(msg.Header, set.CheckEventHeaders)
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

// TestCommandsSubmitWhatTheSchemasDescribe, with every header and member that
// they may send.
func TestCommandsSubmitWhatTheSchemasDescribe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(nil).ready()
	w.api.Add(simulator.Job{ID: "a", Outcome: simulator.Failed})
	w.must("submit", "--prefix", "cli/", "--metadata", "orderID=42", "--deadline", "1h", "a")
	first := w.event("a")
	w.must("submit", "b")
	w.must("replay", "a")
	w.eventually("it does not fail again", func() bool { return w.event("a").Time.After(first.Time) })

	set, err := schemas.Load()
	require.NoError(t, err)
	all := w.commanded()
	require.Len(t, all, 3)
	w.checkCommanded(set, all)
	for i, want := range [][]string{{nats.MsgIdHdr}, {nats.MsgIdHdr}, {broker.HeaderReplaces, nats.MsgIdHdr}} {
		require.Subset(t, slices.Collect(maps.Keys(all[i].Header)), want)
	}
	events := w.events()
	require.JSONEq(t, `{"prefix":"cli/"}`, events[len(events)-1].Header.Get("Jobferry-Destination"))
}
