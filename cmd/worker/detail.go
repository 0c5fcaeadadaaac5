package main

import (
	"fmt"
	"strings"

	"github.com/docker/go-units"
	"github.com/jobferry/jobferry/internal/job"
)

// detail is what an event says beyond its outcome, for people.
func detail(data job.EventData) string {
	switch data.Status {
	case job.OutcomeCompleted:
		return string(data.Kind) + stored(data)
	case job.OutcomeFailed:
		if data.Error == nil {
			return data.Reason
		}
		return strings.TrimSpace(fmt.Sprintf("%s: %s %s", data.Reason, data.Error.Type, data.Error.Title))
	default:
		return data.Reason
	}
}

// stored tells where a completed job's objects are.
func stored(data job.EventData) string {
	if data.Manifest != nil {
		return fmt.Sprintf("  %d objects, listed in s3://%s/%s", data.ObjectCount, data.Manifest.Bucket, data.Manifest.Key)
	}
	if len(data.Objects) == 0 {
		return ""
	}
	var size int64
	for _, object := range data.Objects {
		size += object.Size
	}
	first := data.Objects[0]
	text := fmt.Sprintf("  %s  s3://%s/%s", units.BytesSize(float64(size)), first.Bucket, first.Key)
	if more := len(data.Objects) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
