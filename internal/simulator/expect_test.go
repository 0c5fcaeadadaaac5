package simulator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

func TestExpectations(t *testing.T) {
	t.Parallel()
	e := simulator.JobError{Type: "OCRFailed", Title: "No text"}
	for name, is := range map[string]struct {
		job  simulator.Job
		want simulator.Expectation
	}{
		"unknown": {
			simulator.Job{Outcome: simulator.Unknown},
			simulator.Expectation{Outcome: job.OutcomeFailed, Reason: job.ReasonJobUnknown},
		},
		"endless": {
			simulator.Job{Duration: simulator.Forever},
			simulator.Expectation{Outcome: job.OutcomeFailed, Reason: job.ReasonDeadlineExceeded},
		},
		"failed": {
			simulator.Job{Outcome: simulator.Failed, Error: e},
			simulator.Expectation{Outcome: job.OutcomeFailed, Reason: job.ReasonJobFailed, Error: e},
		},
		"canceled": {
			simulator.Job{Outcome: simulator.Canceled},
			simulator.Expectation{Outcome: job.OutcomeCanceled},
		},
		"delivered": {
			simulator.Job{Kind: job.KindDelivered},
			simulator.Expectation{Outcome: job.OutcomeCompleted, Kind: job.KindDelivered, Objects: []simulator.Object{}},
		},
	} {
		is.job.ID = "a"
		require.Equal(t, is.want, is.job.Expect(), name)
	}
}

func TestExpectedObjects(t *testing.T) {
	t.Parallel()
	types := func(j simulator.Job) (types []string) {
		j.ID = "a"
		for _, object := range j.Expect().Objects {
			types = append(types, object.ContentType)
		}
		return types
	}
	require.Equal(t, []string{"image/png", "image/gif", "application/octet-stream", "application/octet-stream"},
		types(simulator.Job{Kind: job.KindFiles, Files: []simulator.File{
			{ContentType: "image/png", DownloadType: "image/gif"},
			{NoContentType: true, DownloadType: "image/gif"},
			{NoContentType: true},
			{},
			{Delivered: true},
		}}))
	require.Equal(t, []string{"text/plain; charset=utf-8"}, types(simulator.Job{Kind: job.KindText}))
	require.Equal(t, []string{"application/json"}, types(simulator.Job{Kind: job.KindForm}))
	require.Equal(t, []string{"image/png"}, types(simulator.Job{Kind: job.KindBinary, Files: []simulator.File{simulator.PNGFile()}}))

	pdf := simulator.Job{ID: "a", Files: []simulator.File{simulator.PDFFile(4)}}.Expect().Objects[0]
	require.Equal(t, 4, pdf.PageCount)
	require.EqualValues(t, 10<<10, simulator.Job{ID: "a"}.Expect().Objects[0].Content.Size(), "one small file by default")
}
