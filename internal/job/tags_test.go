package job_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

// TestTagsOfASubmission stand beside those of the settings.
func TestTagsOfASubmission(t *testing.T) {
	t.Parallel()
	rules := job.Rules{Tags: map[string]string{"team": "docs"}}
	parse := func(tags string) (job.Job, error) {
		return job.ParseSubmission([]byte(`{"jobID": "a", "tags": `+tags+`}`), time.Now(), rules)
	}
	j, err := parse(`{"order": "42"}`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"order": "42"}, j.Tags)
	body, err := j.Encode()
	require.NoError(t, err)
	decoded, err := job.Decode(body, job.Rules{Tags: map[string]string{"order": "set since"}})
	require.NoError(t, err, "what was taken once goes on")
	require.Equal(t, j.Tags, decoded.Tags)

	_, err = parse(`{"team": "others"}`)
	require.ErrorContains(t, err, "S3_TAGS")
	_, err = parse(`{"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":"","j":""}`)
	require.ErrorContains(t, err, "11 tags with those of S3_TAGS")
	_, err = parse(`{"a": 1}`)
	require.Error(t, err)
}
