package answer

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
)

func TestErrorsKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stop"))
	for _, err := range []error{
		job.Fail(job.ReasonJobExpired, "x"), &job.Error{Class: job.ClassRefused, Err: errors.New("x")}, job.NotCompleted(job.Answer{Verdict: job.Canceled}), watchdog.Interruption(ctx),
	} {
		require.Equal(t, err, Classify(fmt.Errorf("wrapped: %w", err)))
		require.Equal(t, err, During("read", err))
	}
	plain := errors.New("no route")
	require.Equal(t, &job.Error{By: job.API, Err: plain}, Classify(plain))
}

func TestDuringKeepsWhatTheAPIAsksFor(t *testing.T) {
	t.Parallel()
	err := &job.Error{Class: job.ClassThrottled, By: job.API, Err: errors.New("busy"), RetryAfter: time.Minute}
	waits := fetchtest.RequireUnavailable(t, During("ask", err))
	require.EqualError(t, waits, "ask: busy")
	require.Equal(t, time.Minute, waits.RetryAfter)
	require.Equal(t, job.ClassThrottled, waits.Class)
	require.EqualError(t, err, "busy", "an error that others may hold is not changed")
}
