package job_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

func TestTagsAreWrittenAsS3ReadsThem(t *testing.T) {
	t.Parallel()
	tags := map[string]string{"team": "docs & more", "a/b": "1+1=2", "größe": ""}
	if err := job.CheckTags(tags); err == nil {
		t.Fatal("& is no character of a tag")
	}
	tags["team"] = "docs - more"
	header := job.TagsHeader(tags)
	require.Equal(t, "a%2Fb=1%2B1%3D2&gr%C3%B6%C3%9Fe=&team=docs%20-%20more", header)
	read, err := job.ParseTags(header)
	require.NoError(t, err)
	require.Equal(t, tags, read)
}

func TestTagsThatS3RefusesAreNamed(t *testing.T) {
	t.Parallel()
	eleven := make([]string, 11)
	for i := range eleven {
		eleven[i] = fmt.Sprintf("k%d=v", i)
	}
	for header, problem := range map[string]string{
		"a=%zz":                         "k=v&k=v",
		"a=1;b=2":                       "k=v&k=v",
		"a=1&a=2":                       `the key "a" twice`,
		"=1":                            `the tag ""`,
		"AWS:x=1":                       "reserves",
		"a=%0A":                         `the value of the tag "a"`,
		"a=%FF":                         `the value of the tag "a"`,
		strings.Repeat("k", 129) + "=v": "1 to 128",
		"k=" + strings.Repeat("é", 257): "256",
		strings.Join(eleven, "&"):       "at most 10",
	} {
		_, err := job.ParseTags(header)
		require.ErrorContains(t, err, problem, header)
	}
}

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
