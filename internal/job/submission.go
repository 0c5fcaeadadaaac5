package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The limits of a submission. S3 takes 2 KiB of user metadata as headers; the
// rest of that is left for the worker's own.
const (
	maxPrefixBytes     = 512
	maxMetadataEntries = 16
	maxMetadataBytes   = 1536
)

// reservedMetadataKey is the key that the worker sets itself on each object.
const reservedMetadataKey = "job-id"

var metadataKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Rules are what the worker's settings say about submissions.
type Rules struct {
	// Bucket is the worker's own; a submission may name it.
	Bucket string
	// AllowedBuckets are the others that a submission may name.
	AllowedBuckets []string
	// Tags are those of all objects; a submission may not name them.
	Tags map[string]string
	// AnyBucket lets a submission name any: for those who read it and store
	// nothing.
	AnyBucket bool
	// Deadline is counted from the submission for jobs that name none.
	Deadline time.Duration
}

type submission struct {
	JobID    *string           `json:"jobID"`
	Prefix   string            `json:"prefix"`
	Bucket   string            `json:"bucket"`
	Metadata map[string]string `json:"metadata"`
	Tags     map[string]string `json:"tags"`
	Deadline *time.Time        `json:"deadline"`
}

// ParseSubmission reads a submission in either form: the job ID as plain text,
// or a JSON object. On an error the returned job still carries the ID when it
// could be read, and nothing else.
func ParseSubmission(body []byte, submittedAt time.Time, rules Rules) (Job, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return Job{}, errors.New("the submission is empty; send a job ID or a JSON object with jobID")
	}
	if body[0] == '{' {
		return parseObject(body, submittedAt, rules)
	}
	id, err := ParseID(string(body))
	if err != nil {
		return Job{}, err
	}
	return Job{ID: id, SubmittedAt: submittedAt, Deadline: submittedAt.Add(rules.Deadline)}, nil
}

func parseObject(body []byte, submittedAt time.Time, rules Rules) (Job, error) {
	var s submission
	if err := json.Unmarshal(body, &s); err != nil {
		return Job{ID: readableID(s.JobID)}, fmt.Errorf("the submission is not valid: %w", err)
	}
	if s.JobID == nil {
		return Job{}, errors.New("the submission has no jobID")
	}
	id, err := ParseID(*s.JobID)
	if err != nil {
		return Job{}, err
	}
	j := Job{
		ID: id, Prefix: s.Prefix, Bucket: s.Bucket, Metadata: s.Metadata, Tags: s.Tags,
		SubmittedAt: submittedAt, Deadline: submittedAt.Add(rules.Deadline),
	}
	if s.Deadline != nil {
		j.Deadline = *s.Deadline
	}
	if err := errors.Join(checkForm(j), rules.checkBucket(j.Bucket), rules.checkTags(j.Tags)); err != nil {
		return Job{ID: id}, err
	}
	return j, nil
}

func readableID(s *string) ID {
	if s == nil {
		return ""
	}
	id, err := ParseID(*s)
	if err != nil {
		return ""
	}
	return id
}

// checkForm applies the rules that no setting changes, the ID's aside.
func checkForm(j Job) error {
	return errors.Join(checkPrefix(j.Prefix), checkMetadata(j.Metadata), CheckTags(j.Tags), checkTime("deadline", j.Deadline),
		checkTime("time of submission", j.SubmittedAt), checkTime("time of the result", j.ReadyAt))
}

// checkTime refuses what RFC 3339 cannot write in UTC: a job must fit into its
// next timer.
func checkTime(what string, at time.Time) error {
	if year := at.UTC().Year(); year < 0 || year > 9999 {
		return fmt.Errorf("the %s is in the year %d", what, year)
	}
	return nil
}

// ErrBucket is the error of a job whose bucket the rules do not name.
var ErrBucket = errors.New("the bucket is not allowed; name it in S3_ALLOWED_BUCKETS to allow it")

func (r Rules) checkBucket(bucket string) error {
	if r.AnyBucket || bucket == "" || bucket == r.Bucket || slices.Contains(r.AllowedBuckets, bucket) {
		return nil
	}
	return fmt.Errorf("bucket %q: %w", bucket, ErrBucket)
}

func checkPrefix(prefix string) error {
	switch {
	case prefix == "":
		return nil
	case len(prefix) > maxPrefixBytes:
		return fmt.Errorf("the prefix has %d bytes, at most %d are allowed", len(prefix), maxPrefixBytes)
	case strings.HasPrefix(prefix, "/"):
		return errors.New("the prefix starts with /")
	case !utf8.ValidString(prefix):
		return errors.New("the prefix is not valid UTF-8")
	case strings.ContainsFunc(prefix, unicode.IsControl):
		return errors.New("the prefix has a control character")
	}
	for segment := range strings.SplitSeq(prefix, "/") {
		if segment == "." || segment == ".." {
			return fmt.Errorf("the prefix has the segment %q", segment)
		}
	}
	return nil
}

func checkMetadata(metadata map[string]string) error {
	if len(metadata) > maxMetadataEntries {
		return fmt.Errorf("metadata has %d entries, at most %d are allowed", len(metadata), maxMetadataEntries)
	}
	size := 0
	seen := make(map[string]bool, len(metadata))
	for key, value := range metadata {
		if err := checkMetadataEntry(key, value); err != nil {
			return err
		}
		folded := strings.ToLower(key)
		if seen[folded] {
			return fmt.Errorf("metadata has the key %q twice, ignoring case", folded)
		}
		seen[folded] = true
		size += len(key) + len(HeaderValue(value))
	}
	if size > maxMetadataBytes {
		return fmt.Errorf("metadata has %d bytes as S3 headers carry it, at most %d are allowed", size, maxMetadataBytes)
	}
	return nil
}

func checkMetadataEntry(key, value string) error {
	switch {
	case !metadataKey.MatchString(key):
		return fmt.Errorf("the metadata key %q is not of the form [A-Za-z0-9_-]{1,64}", key)
	case strings.EqualFold(key, reservedMetadataKey):
		return fmt.Errorf("the metadata key %q is reserved", key)
	case !utf8.ValidString(value):
		return fmt.Errorf("the value of the metadata key %q is not valid UTF-8", key)
	case strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Errorf("the value of the metadata key %q has a control character", key)
	}
	return nil
}

// HeaderValue returns a metadata value as S3 carries it in a header: plain
// ASCII as it is, all else as an encoded word of RFC 2047, which is how S3
// itself returns values that are not ASCII.
func HeaderValue(value string) string { return mime.BEncoding.Encode("UTF-8", value) }

// UserMetadata returns what an object of the job is stored with, ready for
// headers.
func (j Job) UserMetadata() map[string]string {
	all := make(map[string]string, len(j.Metadata)+1)
	for key, value := range j.Metadata {
		all[key] = HeaderValue(value)
	}
	all[reservedMetadataKey] = string(j.ID)
	return all
}
