package job_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

func TestErrorsTellWhatTheyAre(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for _, row := range []struct {
		err   *job.Error
		class job.Class
		text  string
	}{
		{job.Fail(job.ReasonJobExpired, "%w", cause), job.ClassPermanent, "job_expired: cause"},
		{&job.Error{Class: job.ClassPermanent, Reason: job.ReasonJobFailed}, job.ClassPermanent, "job_failed"},
		{&job.Error{Class: job.ClassRefused, By: job.API, Err: cause}, job.ClassRefused, "cause"},
		{&job.Error{By: job.Store, Err: cause}, job.ClassUnavailable, "cause"},
		{job.NotCompleted(job.Answer{Verdict: job.Canceled}), job.ClassNotCompleted, "the API says that the job is canceled"},
	} {
		t.Run(row.text, func(t *testing.T) {
			t.Parallel()
			wrapped := fmt.Errorf("wrapped: %w", row.err)
			require.EqualError(t, row.err, row.text)
			require.Equal(t, row.class, job.ClassOf(wrapped))
			require.Equal(t, row.class == job.ClassPermanent, job.IsPermanent(wrapped))
			require.Equal(t, row.class == job.ClassRefused, job.IsRefused(wrapped))
			if row.err.Err != nil {
				require.ErrorIs(t, wrapped, cause)
			}
		})
	}
	require.Equal(t, job.ClassUnavailable, job.ClassOf(cause), "what nobody has classified makes the job wait")
}
