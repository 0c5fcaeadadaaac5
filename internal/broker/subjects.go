package broker

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jobferry/jobferry/internal/job"
)

// Durable is the name of the worker's consumer on each of its two streams.
const Durable = "jobferry"

var subjectPrefix = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// Subjects are the subjects and streams that follow from the subject prefix.
type Subjects struct {
	prefix string
}

// NewSubjects returns the subjects of a prefix; see [CheckSubjectPrefix].
func NewSubjects(prefix string) (Subjects, error) {
	if err := CheckSubjectPrefix(prefix); err != nil {
		return Subjects{}, fmt.Errorf("the subject prefix %q %w", prefix, err)
	}
	return Subjects{prefix: prefix}, nil
}

// CheckSubjectPrefix says what a subject prefix must be.
func CheckSubjectPrefix(prefix string) error {
	if !subjectPrefix.MatchString(prefix) {
		return errors.New("must be one or more tokens of A-Z a-z 0-9 _ - joined by dots")
	}
	return nil
}

// Jobs is the name of the stream of submissions.
func (s Subjects) Jobs() string { return strings.ToUpper(strings.ReplaceAll(s.prefix, ".", "_")) }

// Wait is the name of the stream of timers and due jobs.
func (s Subjects) Wait() string { return s.Jobs() + "_WAIT" }

// Events is the name of the stream of terminal events.
func (s Subjects) Events() string { return s.Jobs() + "_EVENTS" }

// Submit is where producers publish; subjects below it are taken too.
func (s Subjects) Submit() string { return s.prefix + ".submit" }

// SubmitJob is where `worker submit` publishes one job.
func (s Subjects) SubmitJob(id job.ID) string { return s.Submit() + "." + string(id) }

// Pods is where pods ask each other what they have in flight. No stream takes it.
func (s Subjects) Pods() string { return s.prefix + ".pods" }

// AllWaits matches every timer.
func (s Subjects) AllWaits() string { return s.prefix + ".wait.>" }

// WaitFor is the subject of a job's timer.
func (s Subjects) WaitFor(id job.ID) string { return s.prefix + ".wait." + string(id) }

// Due is the subject that a job's timer fires to.
func (s Subjects) Due(id job.ID) string { return s.Dues() + "." + string(id) }

// WaitingOrDue matches both the timer and the due message of a job.
func (s Subjects) WaitingOrDue(id job.ID) string { return s.prefix + ".*." + string(id) }

// Event is the subject of a job's terminal event.
func (s Subjects) Event(outcome job.Outcome, id job.ID) string {
	return s.prefix + ".events." + string(outcome) + "." + string(id)
}

// AnyEvent matches the terminal event of a job, whatever its outcome. It is
// the filter by which the broker keeps it unique.
func (s Subjects) AnyEvent(id job.ID) string { return s.prefix + ".events.*." + string(id) }

// Rejected is the subject of the event of a submission that could not be
// takes. It has five tokens, so that it never collides with a job's event.
func (s Subjects) Rejected(stream string, sequence uint64) string {
	return s.prefix + ".events.rejected." + stream + "." + strconv.FormatUint(sequence, 10)
}

// EventsOf matches every event of an outcome.
func (s Subjects) EventsOf(outcome job.Outcome) string {
	return s.prefix + ".events." + string(outcome) + ".>"
}

// AllEvents matches every event.
func (s Subjects) AllEvents() string { return s.prefix + ".events.>" }

// Dues is what all subjects of due jobs begin with, without the last dot.
func (s Subjects) Dues() string { return s.prefix + ".due" }

// Submissions match every submission.
func (s Subjects) Submissions() []string { return []string{s.Submit(), s.Submit() + ".>"} }

// AllDue matches every due job.
func (s Subjects) AllDue() string { return s.Dues() + ".>" }
