package consumer

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

// Names are the subjects and streams that follow from the subject prefix.
type Names struct {
	prefix string
}

// NewNames checks the prefix: one or more subject tokens without wildcards.
func NewNames(prefix string) (Names, error) {
	if prefix == "" {
		return Names{}, errors.New("the subject prefix is empty")
	}
	if !subjectPrefix.MatchString(prefix) {
		return Names{}, fmt.Errorf("the subject prefix %q is not made of tokens of A-Z a-z 0-9 _ - joined by dots", prefix)
	}
	return Names{prefix: prefix}, nil
}

// Jobs is the name of the stream of submissions.
func (n Names) Jobs() string { return strings.ToUpper(strings.ReplaceAll(n.prefix, ".", "_")) }

// Wait is the name of the stream of timers and due jobs.
func (n Names) Wait() string { return n.Jobs() + "_WAIT" }

// Events is the name of the stream of terminal events.
func (n Names) Events() string { return n.Jobs() + "_EVENTS" }

// Submit is where producers publish; subjects below it are taken too.
func (n Names) Submit() string { return n.prefix + ".submit" }

// SubmitJob is where `worker submit` publishes one job.
func (n Names) SubmitJob(id job.ID) string { return n.Submit() + "." + string(id) }

// Pods is where the pods are asked what they have in hand. No stream takes it.
func (n Names) Pods() string { return n.prefix + ".pods" }

// AllWaits matches every timer.
func (n Names) AllWaits() string { return n.prefix + ".wait.>" }

// WaitFor is the subject of a job's timer.
func (n Names) WaitFor(id job.ID) string { return n.prefix + ".wait." + string(id) }

// Due is the subject that a job's timer fires to.
func (n Names) Due(id job.ID) string { return n.prefix + ".due." + string(id) }

// OnItsWay matches both the timer and the due message of a job.
func (n Names) OnItsWay(id job.ID) string { return n.prefix + ".*." + string(id) }

// Event is the subject of a job's terminal event.
func (n Names) Event(outcome job.Outcome, id job.ID) string {
	return n.prefix + ".events." + string(outcome) + "." + string(id)
}

// AnyEvent matches the terminal event of a job, whatever its outcome. It is
// the filter by which the broker keeps it unique.
func (n Names) AnyEvent(id job.ID) string { return n.prefix + ".events.*." + string(id) }

// Rejected is the subject of the event of a submission that could not be
// taken. It has five tokens, so that it never collides with a job's event.
func (n Names) Rejected(stream string, sequence uint64) string {
	return n.prefix + ".events.rejected." + stream + "." + strconv.FormatUint(sequence, 10)
}

// EventsOf matches every event of an outcome.
func (n Names) EventsOf(outcome job.Outcome) string {
	return n.prefix + ".events." + string(outcome) + ".>"
}

// AllEvents matches every event.
func (n Names) AllEvents() string { return n.prefix + ".events.>" }

// lane is the subject of a lane's messages without the job's part.
func (n Names) lane(l lane) string {
	if l == due {
		return n.prefix + ".due"
	}
	return n.Submit()
}

func (n Names) submissions() []string { return []string{n.Submit(), n.Submit() + ".>"} }
func (n Names) dues() string          { return n.prefix + ".due.>" }
