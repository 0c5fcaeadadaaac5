package simulator_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

func TestSamplesCoverEverything(t *testing.T) {
	t.Parallel()
	kinds := map[job.Kind]bool{}
	reasons := map[job.Reason]bool{}
	errors := map[string]bool{}
	ids := map[string]bool{}
	for _, sample := range simulator.Samples("t1") {
		_, err := job.ParseID(sample.Job.ID)
		require.NoError(t, err)
		require.False(t, ids[sample.Job.ID], "%s twice", sample.Job.ID)
		ids[sample.Job.ID] = true
		require.NotEmpty(t, sample.About)
		kinds[sample.Want.Kind] = true
		reasons[sample.Want.Reason] = true
		errors[sample.Want.Error.Type] = true
		waits := sample.Want.Reason == job.ReasonJobUnknown || sample.Want.Reason == job.ReasonDeadlineExceeded
		require.Equal(t, waits, sample.Deadline > 0, sample.Job.ID)
		require.True(t, waits || sample.Job.Duration <= 12*time.Second, sample.Job.ID)
	}
	for _, kind := range []job.Kind{
		job.KindFile, job.KindFiles, job.KindText, job.KindTables, job.KindTextBoxes, job.KindPIIBoxes,
		job.KindProperties, job.KindForm, job.KindJSON, job.KindBinary, job.KindDelivered,
	} {
		require.True(t, kinds[kind], "no sample of kind %s", kind)
	}
	for _, reason := range []job.Reason{job.ReasonJobFailed, job.ReasonJobUnknown, job.ReasonDeadlineExceeded} {
		require.True(t, reasons[reason], "no sample of reason %s", reason)
	}
	for _, kind := range []string{"BrokenDownloadURL", "ConversionFailed", "PDFIsPasswordProtected", "PageLimitReached"} {
		require.True(t, errors[kind], "no sample of error %s", kind)
	}
}

// Every sample is served as its expectation says.
func TestSamplesAreServed(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	for _, sample := range simulator.Samples("t2") {
		if sample.Job.Duration != simulator.Forever {
			sample.Job.Duration = 0
		}
		c.Add(sample.Job)
		got := c.poll(sample.Job.ID)
		require.NoError(t, got.err)
		if sample.Deadline > 0 {
			require.Equal(t, 404, got.status, sample.Job.ID)
			continue
		}
		require.Equal(t, 200, got.status, sample.Job.ID)
		if sample.Want.Kind != job.KindBinary {
			require.Equal(t, string(sample.Want.Outcome), got.object(t)["status"], sample.Job.ID)
		}
		if sample.Want.Kind == job.KindFile || sample.Want.Kind == job.KindFiles {
			c.checkFiles(sample.Job.ID, sample.Want.Objects)
		}
	}
}

// checkFiles compares what is served with what is expected; of a large file
// only its end.
func (c *client) checkFiles(id string, want []simulator.Object) {
	c.t.Helper()
	for i, object := range want {
		from := max(0, object.Content.Size()-1<<20)
		got := c.get(c.SignedURL(id, i), "Range", fmt.Sprintf("bytes=%d-", from))
		require.NoError(c.t, got.err)
		require.Equal(c.t, object.ContentType, got.header.Get("Content-Type"))
		expected, err := io.ReadAll(io.NewSectionReader(object.Content, from, 1<<20))
		require.NoError(c.t, err)
		require.True(c.t, bytes.Equal(expected, got.body), "%s file %d", id, i)
	}
}

// Two lists of one run are the same, byte for byte.
func TestSamplesAreDeterministic(t *testing.T) {
	t.Parallel()
	first, second := simulator.Samples("x"), simulator.Samples("x")
	require.Len(t, second, len(first))
	for i := range first {
		for n, object := range first[i].Want.Objects {
			if object.Content.Size() > 1<<20 {
				continue // its parts are checked by themselves
			}
			require.Equal(t, bytesOf(t, object.Content), bytesOf(t, second[i].Want.Objects[n].Content), first[i].Job.ID)
		}
	}
}
