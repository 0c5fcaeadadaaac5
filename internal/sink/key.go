package sink

import "github.com/jobferry/jobferry/internal/job"

// location is where one object goes. It prints as it is written in messages.
type location struct {
	bucket, key string
}

func (l location) String() string { return "s3://" + l.bucket + "/" + l.key }

// jobPrefix is what the keys of all of a job's objects start with, and what
// follows in them has no slash. Both prefixes are literal: below a job's prefix
// there may be other jobs', whose own prefix begins with this one's ID.
func (s *Store) jobPrefix(j job.Job) string {
	return s.cfg.Prefix + j.Prefix + string(j.ID) + "/"
}

// locate builds the place of one object: name is "result" or "result-001",
// without an extension.
func (s *Store) locate(j job.Job, name string, what job.Description) location {
	return location{bucket: s.bucket(j), key: s.jobPrefix(j) + name + ext(what.ContentType(), what.Ext())}
}

func (s *Store) bucket(j job.Job) string {
	if j.Bucket != "" {
		return j.Bucket
	}
	return s.cfg.Bucket
}
