package job_test

import (
	"mime"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// requireSafe checks all that the rest of the worker relies on in a job that was
// taken: in subjects, keys, headers, and timers.
func requireSafe(t *testing.T, j job.Job) {
	t.Helper()
	require.Regexp(t, idForm, string(j.ID))
	require.Contains(t, []string{"", rules.Bucket, "archive"}, j.Bucket)

	require.LessOrEqual(t, len(j.Prefix), 512)
	require.False(t, strings.HasPrefix(j.Prefix, "/"))
	require.True(t, utf8.ValidString(j.Prefix))
	key := j.Prefix + string(j.ID) + "/result.pdf"
	require.True(t, strings.HasPrefix(path.Clean("/root/"+key), "/root/"), "a prefix leads nowhere else: %q", j.Prefix)
	require.True(t, strings.HasSuffix(path.Clean("/"+key), string(j.ID)+"/result.pdf"))

	size, seen := 0, map[string]bool{}
	headers := j.UserMetadata()
	require.Len(t, headers, len(j.Metadata)+1)
	require.Equal(t, string(j.ID), headers["job-id"])
	for name, value := range headers {
		require.False(t, seen[strings.ToLower(name)], "S3 ignores the case of %q", name)
		seen[strings.ToLower(name)] = true
		requireHeader(t, name, value)
		if name != "job-id" {
			size += len(name) + len(value)
		}
		// A value that looks encoded stays as it is, and may be badly so.
		if plain, own := j.Metadata[name]; own && !strings.Contains(plain, "=?") {
			read, err := new(mime.WordDecoder).DecodeHeader(value)
			require.NoError(t, err)
			require.Equal(t, plain, read)
		}
	}
	require.LessOrEqual(t, size, 1536)
}

// requireHeader checks that a line of a header cannot be ended early.
func requireHeader(t *testing.T, name, value string) {
	t.Helper()
	require.Regexp(t, `^[A-Za-z0-9_-]+$`, name)
	require.False(t, strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }), "%q", value)
}

// requireSame checks that a job comes out of its timer as it went in.
func requireSame(t *testing.T, j job.Job) {
	t.Helper()
	timer, err := j.Encode()
	require.NoError(t, err)
	again, err := job.Decode(timer, rules)
	require.NoError(t, err, "what was taken once is taken from a timer")
	require.True(t, j.Deadline.Equal(again.Deadline))
	require.True(t, j.SubmittedAt.Equal(again.SubmittedAt))
	again.Deadline, again.SubmittedAt = j.Deadline, j.SubmittedAt
	if len(j.Metadata) == 0 {
		j.Metadata, again.Metadata = nil, nil
	}
	require.Equal(t, j, again)
}

// FuzzSubmission: what is taken is safe everywhere; what is refused has kept at
// most its ID, and that is safe too.
func FuzzSubmission(f *testing.F) {
	for _, seed := range []string{
		"a", ` a-B_9 `, `{"jobID":"a","prefix":"p/","metadata":{"k":"v","name":"Zoë"}}`, `{"jobID":`, "\xff", `{"jobID":"a","deadline":"2026-11-23T21:00:00Z"}`,
		`{"jobID":"a","prefix":"x/../../y"}`, `{"jobID":"a","prefix":"a/./b"}`, `{"jobID":"a","prefix":"..a/b.."}`, `{"jobID":"a","metadata":{"K":"1","k":"2"}}`, `{"jobID":"a","metadata":{"Job-ID":"x"}}`,
		`{"jobID":"a","metadata":{"k":"a\r\nx-amz-acl: public-read"}}`, `{"jobID":"a","bucket":"other"}`, `{"jobID":"a.b"}`, `{"jobID":"*"}`, `{"jobid":"a","JOBID":"b"}`, `{"jobID":"a","metadata":{"k":"=?UTF-8?b?Wm/Dqw==?="}}`,
		`{"jobID":"a","deadline":"9999-12-31T23:59:59-23:59"}`, `{"jobID":"a","metadata":{}}`, `{"jobID":"a","metadata":{"k":"=??q?"}}`, `{"jobID":"a","metadata":{"k":"` + strings.Repeat("€", 400) + `"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		j, err := job.ParseSubmission(body, submitted, rules)
		if err != nil {
			require.True(t, j.ID == "" || idForm.MatchString(string(j.ID)))
			return
		}
		requireSafe(t, j)
		requireSame(t, j)
	})
}

// FuzzTimer: anybody may publish to the subject of due jobs.
func FuzzTimer(f *testing.F) {
	good, err := job.Job{ID: "a", Prefix: "p/", Metadata: map[string]string{"k": "v"}, SubmittedAt: submitted, Deadline: submitted.Add(time.Hour), Attempt: 3, Polls: 4, Lost: 1}.Encode()
	require.NoError(f, err)
	f.Add(good)
	for _, seed := range []string{
		`{"version":1,"jobID":"a"}`, `{"version":2,"jobID":"a","new":{}}`, `{"version":0,"jobID":"a"}`, `{"version":1,"jobID":"a","attempt":-1,"polls":-9,"lost":-1}`, `{"version":1,"jobID":"a","lost":9e99}`,
		`{"version":1,"jobID":"a","deadline":"-1"}`, `{"version":1,"jobID":"a","prefix":"/"}`, `[]`, ``, `null`, `{"version":1,"jobID":"a","deadline":"0000-01-01T00:00:00+23:59"}`, `{"version":1,"jobID":"a","submittedAt":"9999-12-31T23:59:59-23:59"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		j, err := job.Decode(body, rules)
		if err != nil {
			require.True(t, j.ID == "" || idForm.MatchString(string(j.ID)))
			return
		}
		requireSafe(t, j)
		for _, n := range []int{j.Attempt, j.Polls, j.Lost} {
			require.GreaterOrEqual(t, n, 0)
		}
		requireSame(t, j)
	})
}

// FuzzID: the rule is a regular expression, written without one.
func FuzzID(f *testing.F) {
	for _, seed := range []string{"", "a", "a.b", "*", ">", "a b", "é", "01234567-89ab-cdef", strings.Repeat("a", 128), strings.Repeat("a", 129), "a\n"} {
		f.Add(seed)
	}
	whole := regexp.MustCompile(`\A[A-Za-z0-9_-]{1,128}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		id, err := job.ParseID(s)
		require.Equal(t, whole.MatchString(s), err == nil)
		if err == nil {
			require.Equal(t, s, string(id))
		} else {
			require.Empty(t, id)
			require.True(t, utf8.ValidString(err.Error()))
			require.Less(t, len(err.Error()), 200)
		}
	})
}
