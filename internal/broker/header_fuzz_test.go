package broker

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// The headers of this file come from whoever may publish. What is read of one is
// what a worker would have written, or nothing.

func headerOf(name string, values ...string) nats.Header { return nats.Header{name: values} }

// FuzzReplaces: a submission names a sequence by its digits and nothing else,
// and the first header of that name counts.
func FuzzReplaces(f *testing.F) {
	for _, seed := range []string{"", "0", "1", "18446744073709551615", "18446744073709551616", "-1", "+1", " 1", "1 ", "01", "0x1", "1_000", "1e3", "١", "1\r\nNats-Msg-Id: x"} {
		f.Add(seed, "7")
	}
	f.Fuzz(func(t *testing.T, value, second string) {
		sequence := Replaces(headerOf(HeaderReplaces, value, second))
		if sequence != 0 {
			require.Equal(t, strconv.FormatUint(sequence, 10), strings.TrimLeft(value, "0"))
		}
		require.Equal(t, sequence, Replaces(headerOf(HeaderReplaces, strconv.FormatUint(sequence, 10))))
		require.Zero(t, Replaces(headerOf(strings.ToLower(HeaderReplaces), value)), "names are told apart by their case")
		require.Zero(t, Replaces(headerOf(HeaderReplaces)))
	})
}

// FuzzDestination: what is read of an event's header says the same when it is
// written again, and what a worker writes is read as it was.
func FuzzDestination(f *testing.F) {
	for _, seed := range []string{
		"", `{}`, `{"bucket":"b","prefix":"p/"}`, `{"bucket":7}`, `{"BUCKET":"b","bucket":"c"}`, `{"prefix":"\u0000\ud800"}`, `null`, `[]`, `"x"`, `{"bucket":"b"`, `{"bucket":"b"}x`,
	} {
		f.Add(seed, "results", "tenant-a/")
	}
	f.Add(`{"bucket":"b","x":{"y":[1]}}`, "", "é/\xff")
	subjects, err := NewSubjects("jobs")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, value, bucket, prefix string) {
		d, err := DestinationOf(headerOf(headerDestination, value))
		if err == nil {
			again, err := json.Marshal(d)
			require.NoError(t, err)
			same, err := DestinationOf(headerOf(headerDestination, string(again)))
			require.NoError(t, err)
			require.Equal(t, d, same)
		}

		msg, err := EventMessage(subjects, job.Job{ID: "a", Bucket: bucket, Prefix: prefix}, job.EventData{Status: job.OutcomeFailed})
		require.NoError(t, err)
		require.NotContains(t, msg.Header.Get(headerDestination), "\n", "a header has one line")
		d, err = DestinationOf(msg.Header)
		require.NoError(t, err)
		if utf8.ValidString(bucket) && utf8.ValidString(prefix) {
			require.Equal(t, Destination{Bucket: bucket, Prefix: prefix}, d)
		}
	})
}

// FuzzSchedule: a timer fires when its schedule says, which is a time and not an
// interval or a cron expression; what a worker writes is read to the nanosecond.
func FuzzSchedule(f *testing.F) {
	for _, seed := range []string{
		"", "@at ", "@at 2026-11-23T21:00:00Z", "@at 2026-11-23T21:00:00.123456789+01:00", "@at 2026-11-23", "@every 1s", "* * * * * *", "@AT 2026-11-23T21:00:00Z",
		"@at  2026-11-23T21:00:00Z", "@at 2026-11-23T21:00:00Z ", "@at 0000-01-01T00:00:00Z", "@at 9999-12-31T23:59:60Z", "@at 2026-11-23T24:00:00Z", "@at 2026-11-23T21:00:00,5Z",
	} {
		f.Add(seed, int64(1_795_467_600), int64(5))
	}
	f.Fuzz(func(t *testing.T, value string, seconds, nanoseconds int64) {
		at, told := DueAt(headerOf(jetstream.ScheduleHeader, value))
		if told {
			require.True(t, strings.HasPrefix(value, scheduleAt))
			again, told := DueAt(headerOf(jetstream.ScheduleHeader, scheduleAt+at.Format(time.RFC3339Nano)))
			require.True(t, told)
			require.True(t, at.Equal(again))
		}
		const year9999 = 253_402_300_799
		if seconds < 0 || seconds > year9999 || nanoseconds < 0 || nanoseconds >= int64(time.Second) {
			return
		}
		written := time.Unix(seconds, nanoseconds).UTC()
		at, told = DueAt(headerOf(jetstream.ScheduleHeader, scheduleAt+written.Format(time.RFC3339Nano)))
		require.True(t, told)
		require.True(t, written.Equal(at))
	})
}
