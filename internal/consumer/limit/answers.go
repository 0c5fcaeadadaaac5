package limit

import (
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/job"
)

// Answers remembers which jobs the API has answered about, to tell one job's
// trouble from that of all jobs. It is safe for concurrent use.
type Answers struct {
	mu        sync.Mutex
	last      [2]answered // the newest answers about two different jobs
	probed    time.Time   // when a probe was last answered well
	refused   map[job.ID]struct{}
	throttled map[job.ID]struct{}
}

type answered struct {
	id job.ID
	at time.Time
}

// NewAnswers knows of no answer.
func NewAnswers() *Answers {
	return &Answers{refused: map[job.ID]struct{}{}, throttled: map[job.ID]struct{}{}}
}

// Answered notes a readable answer about a job.
func (a *Answers) Answered(id job.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last[0].id != id {
		a.last[1] = a.last[0]
	}
	a.last[0] = answered{id, time.Now()}
	clear(a.refused)
	clear(a.throttled)
}

// OthersSince reports whether the API has answered about another job since a time.
func (a *Answers) OthersSince(id job.ID, since time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	other := a.last[0]
	if other.id == id {
		other = a.last[1]
	}
	return other.at.After(since)
}

// Probed notes that a probe was answered well.
func (a *Answers) Probed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.probed = time.Now()
}

// WellSince reports whether the API has answered about another job, or to a probe,
// since a time.
func (a *Answers) WellSince(id job.ID, since time.Time) bool {
	if a.OthersSince(id, since) {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.probed.After(since)
}

// maxNoted bounds the sets: more than a few different jobs mean no more.
const maxNoted = 64

// Refused notes that the API refuses a job, and returns how many different ones it
// has refused since it last answered about any.
func (a *Answers) Refused(id job.ID) int { return a.note(a.refused, id) }

// Throttled is Refused for a job whose poll came too soon.
func (a *Answers) Throttled(id job.ID) int { return a.note(a.throttled, id) }

func (a *Answers) note(jobs map[job.ID]struct{}, id job.ID) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(jobs) < maxNoted {
		jobs[id] = struct{}{}
	}
	return len(jobs)
}
