package broker

import (
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// FuzzTrace: a header that is carried on is a traceparent, and so fits into the
// next timer and into the event; any other is dropped.
func FuzzTrace(f *testing.F) {
	for _, seed := range []string{"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4BF9-x-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n", "ff-\r\nNats-Schedule: x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		msg := nats.NewMsg("x")
		msg.Header.Set(HeaderTraceparent, value)
		trace := Traceparent(msg.Header)
		require.True(t, trace == "" || trace == value && len(trace) == 55 && strings.Trim(trace, "0123456789abcdef-") == "")
	})
}

// FuzzSubjects: a subject prefix that is taken makes subjects without wildcards,
// and names of streams that the server takes.
func FuzzSubjects(f *testing.F) {
	for _, seed := range []string{"jobs", "a.b", "a..b", ".a", "a.", "*", "a.>", "a b", "é", "a\n", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, prefix string) {
		subjects, err := NewSubjects(prefix)
		if err != nil {
			return
		}
		for _, subject := range []string{subjects.SubmitJob("a"), subjects.WaitFor("a"), subjects.Due("a"), subjects.Event(job.OutcomeFailed, "a")} {
			for token := range strings.SplitSeq(subject, ".") {
				require.NotEmpty(t, token)
				require.False(t, strings.ContainsAny(token, "*> \t\r\n"), "%q", subject)
			}
		}
		for _, stream := range []string{subjects.Jobs(), subjects.Wait(), subjects.Events()} {
			require.False(t, stream == "" || strings.ContainsAny(stream, ".*> /\\\t\r\n"), "%q", stream)
		}
	})
}
