package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/cli"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/spf13/pflag"
)

// submission is the JSON form; with nothing set but the ID, the ID itself is
// sent.
type submission struct {
	JobID    string            `json:"jobID"`
	Prefix   string            `json:"prefix,omitempty"`
	Bucket   string            `json:"bucket,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	Deadline *time.Time        `json:"deadline,omitempty"`
}

// submitOptions are the flags of the submit command.
type submitOptions struct {
	prefix   string
	bucket   string
	metadata []string
	tags     []string
	deadline string
}

func (o *submitOptions) bind(flags *pflag.FlagSet) {
	flags.StringVar(&o.prefix, "prefix", "", "put before the keys of the results as it is")
	flags.StringArrayVar(&o.metadata, "metadata", nil, "user metadata of the results, k=v; may be repeated")
	flags.StringArrayVar(&o.tags, "tag", nil, "tag of the results in S3, k=v; may be repeated")
	flags.StringVar(&o.bucket, "bucket", "", "bucket of the results, one that the worker allows")
	flags.StringVar(&o.deadline, "deadline", "", "how long the jobs are polled: a duration from now such as 90m, or a time such as 2026-11-23T21:00:00Z")
}

// form is the submission that is the same for all IDs. It is checked by the
// worker's own rules, but for the buckets, which only the worker knows.
func (o *submitOptions) form(now time.Time) (submission, error) {
	metadata, metadataErr := parsePairs("metadata", o.metadata)
	tags, tagsErr := parsePairs("tag", o.tags)
	deadline, deadlineErr := parseDeadline(o.deadline, now)
	form := submission{Prefix: o.prefix, Bucket: o.bucket, Metadata: metadata, Tags: tags, Deadline: deadline}
	_, formErr := form.encode("any")
	if err := errors.Join(metadataErr, tagsErr, deadlineErr, formErr); err != nil {
		return submission{}, cli.UsageError(err)
	}
	return form, nil
}

// parsePairs reads the values of a flag that may be repeated.
func parsePairs(flag string, pairs []string) (map[string]string, error) {
	parsed := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		key, value, found := strings.Cut(pair, "=")
		if !found {
			return nil, fmt.Errorf("--%s %q has no value: write it as k=v", flag, pair)
		}
		if _, twice := parsed[key]; twice {
			return nil, fmt.Errorf("--%s has the key %q twice", flag, key)
		}
		parsed[key] = value
	}
	return parsed, nil
}

// parseDeadline takes a duration from now or a time; nil means the worker's
// own deadline.
func parseDeadline(raw string, now time.Time) (*time.Time, error) {
	if raw == "" {
		return nil, nil //nolint:nilnil // no deadline is none
	}
	if duration, err := time.ParseDuration(raw); err == nil {
		if duration <= 0 {
			return nil, fmt.Errorf("--deadline %s is over already", raw)
		}
		deadline := now.Add(duration).UTC()
		return &deadline, nil
	}
	deadline, err := time.Parse(time.RFC3339, raw)
	if err != nil {
		return nil, fmt.Errorf("--deadline %q is neither a duration such as 90m nor a time such as 2026-11-23T21:00:00Z", raw)
	}
	return &deadline, nil
}

// checkAll finds the IDs of the command line that cannot be submitted.
func (s submission) checkAll(ids []string) error {
	var problems []error
	for _, id := range ids {
		if _, err := s.encode(id); err != nil {
			problems = append(problems, cli.UsageError(fmt.Errorf("%q: %w", id, err)))
		}
	}
	return errors.Join(problems...)
}

// encode returns the body of one submission, which is one that the worker
// takes if it allows the bucket.
func (s submission) encode(id string) ([]byte, error) {
	if _, err := job.ParseID(id); err != nil {
		return nil, err
	}
	if s.Prefix == "" && s.Bucket == "" && len(s.Metadata) == 0 && len(s.Tags) == 0 && s.Deadline == nil {
		return []byte(id), nil
	}
	s.JobID = id
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	_, err = job.ParseSubmission(body, time.Time{}, job.Rules{Bucket: s.Bucket})
	return body, err
}
