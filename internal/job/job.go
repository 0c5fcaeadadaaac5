// Package job is the vocabulary that every other package shares: what a job
// is, what the API answers about it, what becomes of it. It does no input or
// output, keeps no state, and imports nothing of ours but the secret type.
package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jobferry/jobferry/internal/secret"
)

// Job is one submission, normalised, with all that the worker needs to go on
// with it. While a job waits, the broker holds this document and no pod does.
type Job struct {
	ID          ID
	Bucket      string            // empty: the worker's own bucket
	Prefix      string            // put before the key; empty or ends as the producer wrote it
	Metadata    map[string]string // becomes S3 user metadata, echoed in the event
	Tags        map[string]string // of its objects, beside those of the settings; echoed in the event
	SubmittedAt time.Time
	Deadline    time.Time // looked at only after a readable answer that is not terminal

	// Attempt counts the polls that were charged to the job; the backoff is
	// computed from it.
	Attempt int
	// Polls counts every poll, for the event.
	Polls int
	// Lost counts the leases of this job that were lost before the current
	// delivery and since the API last said that it runs: workers that crashed
	// with it in flight, or lost their connection.
	Lost int
	// Transfers counts the tries to store the result that came to nothing,
	// WrongLengths those of them that ended because a download disagreed with
	// its own length, StoreFailures those that the store failed.
	Transfers     int
	WrongLengths  int
	StoreFailures int
	// Stalls counts the downloads that brought no byte for too long: the next
	// one has more time.
	Stalls int
	// Hung says that its last poll was not answered in time.
	Hung bool
	// FileHost is the host of its result, as the API named it last; empty before.
	FileHost string
	// FileList tells which files all its tries had, and in which order; empty before
	// the first, [ChangedFileList] once two of them differed.
	FileList string
	// SlotWaits counts how often its result was there and no transfer slot was.
	SlotWaits int
	// Unanswered are the polls in a row without a readable answer, Forbidden those
	// that the API refused, and NotReady those that said completed without a result.
	Unanswered, Forbidden, NotReady Streak
	// LastError is why it waits, where that is not that it still runs.
	LastError LastError
	// DoneSince is when the status first said completed while the result did not;
	// zero before that.
	DoneSince time.Time
	// Replaces is, for a replayed job, the sequence of its event that the new one
	// replaces. 0 for every other job.
	Replaces uint64
	// ReadyAt is when a worker first saw that the API had finished it; zero
	// before that.
	ReadyAt time.Time
	// Traceparent is the submitter's W3C trace context, empty if there was
	// none. It travels in a message header, not in the document.
	Traceparent string
}

// Streak counts how often in a row something happened to a job, and since when.
type Streak struct {
	Count int       `json:"count"`
	Since time.Time `json:"since"`
}

// Next is the streak when it has happened once more.
func (s Streak) Next(now time.Time) Streak {
	if s.Count == 0 {
		s.Since = now.UTC()
	}
	s.Count++
	return s
}

// LastError is what has kept a job from going on, how often in a row, and since
// when.
type LastError struct {
	Text string `json:"text"`
	Streak
}

// maxErrorText is how much of an error a timer carries, in bytes.
const maxErrorText = 300

// Next is the last error when err has kept the job from going on once more.
func (l LastError) Next(err error, now time.Time) LastError {
	return LastError{Text: secret.Printable(err.Error(), maxErrorText), Streak: l.Streak.Next(now)}
}

// valid is a streak that nobody has written below zero.
func (s Streak) valid() Streak {
	if s.Count <= 0 {
		return Streak{}
	}
	return s
}

// Lasts reports whether it has happened so often and for so long.
func (s Streak) Lasts(count int, duration time.Duration, now time.Time) bool {
	return s.Count >= count && now.Sub(s.Since) >= duration
}

// documentVersion is written into every timer. Fields are only ever added, and
// unknown ones are ignored, so that older and newer workers read each other's
// timers during a rolling upgrade.
const documentVersion = 1

type document struct {
	Version     int               `json:"version"`
	JobID       string            `json:"jobID"`
	Bucket      string            `json:"bucket,omitempty"`
	Prefix      string            `json:"prefix,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	SubmittedAt time.Time         `json:"submittedAt"`
	Deadline    time.Time         `json:"deadline"`
	Attempt     int               `json:"attempt"`
	Polls       int               `json:"polls"`
	Lost        int               `json:"lost,omitempty"`

	Transfers     int `json:"transfers,omitempty"`
	WrongLengths  int `json:"wrongLengths,omitempty"`
	StoreFailures int `json:"storeFailures,omitempty"`
	Stalls        int `json:"stalls,omitempty"`
	SlotWaits     int `json:"crowded,omitempty"`

	Hung     bool   `json:"hung,omitempty"`
	FileHost string `json:"fileHost,omitempty"`
	FileList string `json:"fileList,omitempty"`

	Unanswered Streak    `json:"unanswered,omitzero"`
	Forbidden  Streak    `json:"forbidden,omitzero"`
	NotReady   Streak    `json:"notReady,omitzero"`
	LastError  LastError `json:"lastError,omitzero"`
	DoneSince  time.Time `json:"doneSince,omitzero"`

	Replaces uint64    `json:"replaces,omitempty"`
	ReadyAt  time.Time `json:"readyAt,omitzero"`
}

// Encode returns the body of the job's timer.
func (j Job) Encode() ([]byte, error) {
	body, err := json.Marshal(document{
		Version: documentVersion, JobID: string(j.ID), Bucket: j.Bucket, Prefix: j.Prefix,
		Metadata: j.Metadata, Tags: j.Tags, SubmittedAt: j.SubmittedAt.UTC(), Deadline: j.Deadline.UTC(),
		Attempt: j.Attempt, Polls: j.Polls, Lost: j.Lost,
		Transfers: j.Transfers, WrongLengths: j.WrongLengths, StoreFailures: j.StoreFailures, SlotWaits: j.SlotWaits,
		Stalls: j.Stalls, Hung: j.Hung, FileHost: j.FileHost, FileList: j.FileList,
		Unanswered: j.Unanswered, Forbidden: j.Forbidden, NotReady: j.NotReady, LastError: j.LastError, DoneSince: j.DoneSince.UTC(),
		Replaces: j.Replaces,
		ReadyAt:  j.ReadyAt.UTC(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode job %s: %w", j.ID, err)
	}
	return body, nil
}

// Decode reads the body of a timer. The rules of a submission are checked
// again: anything may have been published to the subject. An error that wraps
// [ErrBucket] comes with the whole job: it was taken once, and the rules have
// changed while it waited. With any other the job has its ID at most.
func Decode(body []byte, rules Rules) (Job, error) {
	var d document
	if err := json.Unmarshal(body, &d); err != nil {
		return Job{}, fmt.Errorf("the timer is not readable JSON: %w", err)
	}
	if d.Version < 1 {
		return Job{}, errors.New("the timer has no version")
	}
	id, err := ParseID(d.JobID)
	if err != nil {
		return Job{}, err
	}
	j := Job{
		ID: id, Bucket: d.Bucket, Prefix: d.Prefix, Metadata: d.Metadata, Tags: d.Tags,
		SubmittedAt: d.SubmittedAt, Deadline: d.Deadline,
		Attempt: max(d.Attempt, 0), Polls: max(d.Polls, 0), Lost: max(d.Lost, 0),
		Transfers: max(d.Transfers, 0), WrongLengths: max(d.WrongLengths, 0), StoreFailures: max(d.StoreFailures, 0),
		SlotWaits: max(d.SlotWaits, 0), Stalls: max(d.Stalls, 0), Hung: d.Hung, FileHost: d.FileHost, FileList: d.FileList, Replaces: d.Replaces, ReadyAt: d.ReadyAt,
		Unanswered: d.Unanswered.valid(), Forbidden: d.Forbidden.valid(), NotReady: d.NotReady.valid(), LastError: LastError{d.LastError.Text, d.LastError.valid()}, DoneSince: d.DoneSince,
	}
	if err := checkForm(j); err != nil {
		return Job{ID: id}, err
	}
	return j, rules.checkBucket(j.Bucket)
}

// MayHaveObjects reports whether the store may have objects of the job already:
// an earlier try stored some of them, or a worker was lost in the middle of one.
func (j Job) MayHaveObjects() bool { return j.Transfers > 0 || j.Lost > 0 }

// Clone returns a copy that shares nothing with j.
func (j Job) Clone() Job {
	j.Metadata, j.Tags = maps.Clone(j.Metadata), maps.Clone(j.Tags)
	return j
}
