package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
	"github.com/vbauerster/mpb/v8"
	"go.uber.org/goleak"
)

// standing is a progress that does not move.
func standing(*row) (float64, string) { return 0.25, "standing" }

// testDisplays runs a test of the contract against every implementation.
func testDisplays(t *testing.T, test func(*testing.T, func(context.Context, io.Writer, []*row, progressFunc) display)) {
	t.Run("bars", func(t *testing.T) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		test(t, openBars)
	})
	t.Run("lines", func(t *testing.T) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		test(t, newDisplay) // what is no terminal gets lines
	})
}

// openBars draws as on a wide terminal.
func openBars(ctx context.Context, out io.Writer, rows []*row, progress progressFunc) display {
	return newBars(ctx, out, rows, progress, mpb.WithAutoRefresh(), mpb.WithWidth(200))
}

func sampleRows(ids ...string) []*row {
	rows := make([]*row, 0, len(ids))
	for _, id := range ids {
		rows = append(rows, &row{sample: simulator.Sample{Job: simulator.Job{ID: id}}})
	}
	return rows
}

func completed(id job.ID) job.Event {
	start := time.Now()
	return job.Event{Data: job.EventData{
		JobID: id, Status: job.OutcomeCompleted, Kind: job.KindFile, Polls: 3,
		Objects: []job.Object{{Size: 1 << 20}}, SubmittedAt: start, SettledAt: start.Add(1500 * time.Millisecond),
	}}
}

const completedText = "completed, file, 1 object, 1.0 MiB after 1.5s and 3 polls"

// lastLine is what stands of a row in the end: bars draw it again and again.
func lastLine(out *screen, id string) string {
	var last string
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, id+" ") {
			last = line
		}
	}
	return last
}

func TestDisplaysKeepAndShowWhatSettled(t *testing.T) {
	testDisplays(t, func(t *testing.T, open func(context.Context, io.Writer, []*row, progressFunc) display) {
		rows, out := sampleRows("one", "two"), &screen{}
		d := open(t.Context(), out, rows, standing)
		at := time.Now()
		for _, r := range rows {
			d.started(r, at)
		}
		event := completed("one")
		d.settled(rows[0], event)
		d.settled(rows[1], job.Event{Data: job.EventData{Status: job.OutcomeFailed, Reason: "job_failed", Error: &job.Problem{Type: "bad"}, Polls: 1}})
		d.close()
		require.Equal(t, at, rows[0].submitted)
		require.Equal(t, event, *rows[0].event)
		require.Contains(t, lastLine(out, "one"), completedText)
		require.Contains(t, lastLine(out, "two"), "failed, job_failed, bad after 0s and 1 poll\n")
	})
}

func TestDisplaysCloseTwiceAndBeforeEverythingSettled(t *testing.T) {
	testDisplays(t, func(t *testing.T, open func(context.Context, io.Writer, []*row, progressFunc) display) {
		rows, out := sampleRows("settled", "started", "neither"), &screen{}
		d := open(t.Context(), out, rows, standing)
		d.started(rows[0], time.Now())
		d.started(rows[1], time.Now())
		d.settled(rows[0], completed("settled"))
		d.close()
		shown := out.String()
		require.Contains(t, shown, completedText)
		require.Nil(t, rows[1].event)
		d.close()
		require.Equal(t, shown, out.String(), "what was shown is left as it is")
	})
}

func TestDisplaysShowWhatSettlesAfterTheContextHasEnded(t *testing.T) {
	testDisplays(t, func(t *testing.T, open func(context.Context, io.Writer, []*row, progressFunc) display) {
		rows, out := sampleRows("late"), &screen{}
		ctx, cancel := context.WithCancel(t.Context())
		d := open(ctx, out, rows, standing)
		d.started(rows[0], time.Now())
		cancel()
		d.settled(rows[0], completed("late"))
		d.close()
		require.Contains(t, lastLine(out, "late"), completedText)
	})
}

// An event has the last word, even when a look at the progress began before it
// and ends after it.
func TestDisplaysLetNoProgressReplaceAnEvent(t *testing.T) {
	testDisplays(t, func(t *testing.T, open func(context.Context, io.Writer, []*row, progressFunc) display) {
		rows, out := sampleRows("slow"), &screen{}
		looking, settled := make(chan struct{}, 1), make(chan struct{})
		d := open(t.Context(), out, rows, func(*row) (float64, string) {
			select {
			case looking <- struct{}{}:
			default:
			}
			<-settled
			return 0.5, "half way"
		})
		d.started(rows[0], time.Now())
		if _, live := d.(*bars); live {
			<-looking
		}
		d.settled(rows[0], completed("slow"))
		close(settled)
		d.close()
		require.Contains(t, lastLine(out, "slow"), completedText)
	})
}

func TestBarsShowWhatHappensMeanwhile(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	rows, out := sampleRows("running", "not-yet"), &screen{}
	d := openBars(t.Context(), out, rows, func(r *row) (float64, string) { return 0.5, "looked at " + r.sample.Job.ID })
	defer d.close()
	d.started(rows[0], time.Now())
	out.find(t, `running .*====.*(looked at running)`)
	d.close()
	require.NotContains(t, out.String(), "looked at not-yet", "nothing happens to what was not submitted")
}

func TestOnlyATerminalGetsBars(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	defer file.Close()
	for _, out := range []io.Writer{&bytes.Buffer{}, file} {
		require.IsType(t, &lines{}, newDisplay(t.Context(), out, sampleRows("one"), standing))
	}
}
