package sink

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jobferry/jobferry/internal/job"
)

// ParseTags reads tags as S3's own header has them: team=docs&kind=result.
func ParseTags(header string) (map[string]string, error) {
	query, err := url.ParseQuery(header)
	if err != nil {
		return nil, errors.New("must be written as k=v&k=v, with other characters than letters and digits as %XX")
	}
	tags := make(map[string]string, len(query))
	for key, values := range query {
		if len(values) > 1 {
			return nil, fmt.Errorf("must not have the key %.50q twice", key)
		}
		tags[key] = values[0]
	}
	return tags, job.CheckTags(tags)
}

// tagsHeader writes tags as S3's own header has them.
func tagsHeader(tags map[string]string) string {
	query := make(url.Values, len(tags))
	for key, value := range tags {
		query.Set(key, value)
	}
	return strings.ReplaceAll(query.Encode(), "+", "%20") // a space; plus signs are %2B by now
}
