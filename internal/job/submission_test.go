package job_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

var (
	submitted = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	rules     = job.Rules{Bucket: "results", AllowedBuckets: []string{"archive"}, Deadline: time.Hour}
)

func TestPlainTextSubmission(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"a-B_9", " a-B_9\n", "\r\n\ta-B_9  "} {
		j, err := job.ParseSubmission([]byte(body), submitted, rules)
		require.NoError(t, err)
		require.Equal(t, job.Job{ID: "a-B_9", SubmittedAt: submitted, Deadline: submitted.Add(time.Hour)}, j)
	}
}

func TestObjectSubmission(t *testing.T) {
	t.Parallel()
	body := `{"status": "running", "jobID": "a", "prefix": "tenant-a/2026/", "bucket": "archive",
		"metadata": {"orderID": "42"}, "deadline": "2026-11-23T21:30:00+01:00", "unknown": [1]}`
	j, err := job.ParseSubmission([]byte(body), submitted, rules)
	require.NoError(t, err)
	require.Equal(t, job.ID("a"), j.ID)
	require.Equal(t, "tenant-a/2026/", j.Prefix)
	require.Equal(t, "archive", j.Bucket)
	require.Equal(t, map[string]string{"orderID": "42"}, j.Metadata)
	require.True(t, j.Deadline.Equal(submitted.Add(30*time.Minute)))
}

func TestSubmissionsThatBreakARule(t *testing.T) {
	t.Parallel()
	many := make([]string, 17)
	for i := range many {
		many[i] = fmt.Sprintf(`"k%d": ""`, i)
	}
	for name, test := range map[string]struct{ body, says string }{
		"empty":             {"", "empty"},
		"white space":       {" \n", "empty"},
		"too long":          {strings.Repeat("a", 129), "129 bytes"},
		"slash":             {"a/b", "only A-Z"},
		"dot":               {"a.b", "only A-Z"},
		"star":              {"*", "only A-Z"},
		"greater":           {">", "only A-Z"},
		"space":             {"a b", "only A-Z"},
		"climbing":          {"../a", "only A-Z"},
		"umlaut":            {"jöb", "only A-Z"},
		"NUL":               {"a\x00", "only A-Z"},
		"array":             {`["a"]`, "only A-Z"},
		"no ID":             {`{"status": "running"}`, "no jobID"},
		"null ID":           {`{"jobID": null}`, "no jobID"},
		"number ID":         {`{"jobID": 1}`, "not valid"},
		"bad ID":            {`{"jobID": "a b"}`, "only A-Z"},
		"cut short":         {`{"jobID": "a"`, "not valid"},
		"prefix climbs":     {`{"jobID": "a", "prefix": "x/../y"}`, `".."`},
		"prefix dot":        {`{"jobID": "a", "prefix": "./y"}`, `"."`},
		"prefix slash":      {`{"jobID": "a", "prefix": "/y"}`, "starts with /"},
		"prefix control":    {`{"jobID": "a", "prefix": "y\u0007"}`, "control"},
		"prefix long":       {`{"jobID": "a", "prefix": "` + strings.Repeat("p", 513) + `"}`, "513 bytes"},
		"bucket":            {`{"jobID": "a", "bucket": "secrets"}`, "S3_ALLOWED_BUCKETS"},
		"many entries":      {`{"jobID": "a", "metadata": {` + strings.Join(many, ",") + `}}`, "17 entries"},
		"bad key":           {`{"jobID": "a", "metadata": {"a b": ""}}`, `"a b"`},
		"reserved key":      {`{"jobID": "a", "metadata": {"Job-ID": ""}}`, "reserved"},
		"same key":          {`{"jobID": "a", "metadata": {"k": "", "K": ""}}`, "twice"},
		"control in value":  {`{"jobID": "a", "metadata": {"k": "a\nb"}}`, "control"},
		"metadata too long": {`{"jobID": "a", "metadata": {"k": "` + strings.Repeat("v", 1536) + `"}}`, "1537 bytes"},
		"encoded too long":  {`{"jobID": "a", "metadata": {"k": "` + strings.Repeat("é", 700) + `"}}`, "as S3 headers carry it"},
		"metadata of int":   {`{"jobID": "a", "metadata": {"k": 1}}`, "not valid"},
		"year 10000":        {`{"jobID": "a", "deadline": "9999-12-31T23:59:59-01:00"}`, "the year 10000"},
		"bad deadline":      {`{"jobID": "a", "deadline": "tomorrow"}`, "not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := job.ParseSubmission([]byte(test.body), submitted, rules)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestRejectedSubmissionKeepsAReadableID(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"jobID": "a", "bucket": "x"}`, `{"jobID": "a", "metadata": 7}`} {
		j, err := job.ParseSubmission([]byte(body), submitted, rules)
		require.Error(t, err)
		require.Equal(t, job.ID("a"), j.ID)
	}
}

func TestTimersOfOtherVersionsAreRead(t *testing.T) {
	t.Parallel()
	j, err := job.Decode([]byte(`{"version": 2, "jobID": "a", "attempt": 1, "later": {"x": 1}}`), rules)
	require.NoError(t, err)
	require.Equal(t, 1, j.Attempt)
	for _, bad := range []string{``, `{}`, `{"version": 1}`, `{"version": 1, "jobID": "a", "prefix": "../"}`, `[]`} {
		_, err := job.Decode([]byte(bad), rules)
		require.Error(t, err, bad)
	}
}

func TestUserMetadataIsReadyForHeaders(t *testing.T) {
	t.Parallel()
	j := job.Job{ID: "a", Metadata: map[string]string{"plain": "42", "name": "Zoë"}}
	require.Equal(t, map[string]string{"job-id": "a", "plain": "42", "name": "=?UTF-8?b?Wm/Dqw==?="}, j.UserMetadata())
}

func BenchmarkParseSubmission(b *testing.B) {
	body := []byte(`{"jobID": "01234567-89ab-cdef-0123-456789abcdef", "prefix": "tenant-a/2026/", "metadata": {"orderID": "42"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := job.ParseSubmission(body, submitted, rules); err != nil {
			b.Fatal(err)
		}
	}
}
