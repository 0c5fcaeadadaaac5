package sink

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTagsAreWrittenAsS3ReadsThem(t *testing.T) {
	t.Parallel()
	tags := map[string]string{"team": "docs - more", "a/b": "1+1=2", "größe": ""}
	header := tagsHeader(tags)
	require.Equal(t, "a%2Fb=1%2B1%3D2&gr%C3%B6%C3%9Fe=&team=docs%20-%20more", header)
	read, err := ParseTags(header)
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
		_, err := ParseTags(header)
		require.ErrorContains(t, err, problem, header)
	}
}
