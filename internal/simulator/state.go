package simulator

import (
	"sync"
	"time"
)

// phase is where a job stands in its life.
type phase int

const (
	unknown phase = iota
	running
	terminal
	gone
)

// life is one job with what has happened to it.
type life struct {
	job     Job
	started time.Time
	polls   int // that were answered: still running
	files   []*fileState
}

func newLife(j Job, now time.Time) *life {
	l := &life{job: j, started: now}
	for i, f := range j.Files {
		l.files = append(l.files, newFileState(j.ID, i, f))
	}
	return l
}

// phase says where the job stands at a time, without touching it.
func (l *life) phase(now time.Time) phase {
	elapsed := now.Sub(l.started)
	switch {
	case l.job.Outcome == Unknown:
		return unknown
	case elapsed < l.job.Duration || l.polls < l.job.Polls:
		return running
	case l.job.ResultLife > 0 && elapsed-l.job.Duration >= l.job.ResultLife:
		return gone
	default:
		return terminal
	}
}

// progress is the share of the job that is done, in hundredths, below 1.
func (l *life) progress(now time.Time) float64 {
	done := 0.0
	switch {
	case l.job.Duration > 0:
		done = float64(now.Sub(l.started)) / float64(l.job.Duration)
	case l.job.Polls > 0:
		done = float64(l.polls) / float64(l.job.Polls)
	}
	return float64(int(min(max(done, 0), 0.99)*100)) / 100
}

// snapshot is what an answer is made from, taken under the lock.
type snapshot struct {
	job      Job
	phase    phase
	progress float64
}

// jobStore holds the simulated jobs and the answers that tests put before
// theirs.
type jobStore struct {
	now    func() time.Time
	invent bool

	mu      sync.Mutex
	lives   map[string]*life
	scripts map[scriptKey][]Reply
}

type scriptKey struct{ endpoint, id string }

func newJobStore(now func() time.Time, invent bool) *jobStore {
	return &jobStore{now: now, invent: invent, lives: map[string]*life{}, scripts: map[scriptKey][]Reply{}}
}

func (s *jobStore) add(j Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives[j.ID] = newLife(j.normalized(), s.now())
}

func (s *jobStore) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.lives, id)
}

// read returns the job as it is now; counted says that this is a poll, which
// takes the job one step on.
func (s *jobStore) read(id string, counted bool) snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.find(id)
	if l == nil {
		return snapshot{}
	}
	now := s.now()
	shot := snapshot{job: l.job, phase: l.phase(now), progress: l.progress(now)}
	if counted && shot.phase == running {
		l.polls++
	}
	return shot
}

// find returns the life of a job, inventing it when that is asked for. The
// lock is held by the caller.
func (s *jobStore) find(id string) *life {
	l := s.lives[id]
	if l == nil && s.invent {
		if j, ok := invented(id); ok {
			l = newLife(j.normalized(), s.now())
			s.lives[id] = l
		}
	}
	return l
}

// file returns a file of a job, whatever its phase; nil if there is none.
func (s *jobStore) file(id string, index int) *fileState {
	state, _ := s.fileIn(id, index)
	return state
}

// served returns a file of a job whose result stands; nil if there is none.
func (s *jobStore) served(id string, index int) *fileState {
	state, phase := s.fileIn(id, index)
	if phase != terminal {
		return nil
	}
	return state
}

func (s *jobStore) fileIn(id string, index int) (*fileState, phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.find(id)
	if l == nil || index < 0 || index >= len(l.files) {
		return nil, unknown
	}
	return l.files[index], l.phase(s.now())
}

// script puts replies before the answers of an endpoint, behind those that are
// still waiting.
func (s *jobStore) script(endpoint, id string, replies []Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := scriptKey{endpoint, id}
	s.scripts[key] = append(s.scripts[key], replies...)
}

// scripted takes the next reply of the script, if there is one.
func (s *jobStore) scripted(endpoint, id string) (Reply, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := scriptKey{endpoint, id}
	queue := s.scripts[key]
	if len(queue) == 0 {
		return Reply{}, false
	}
	next := queue[0]
	switch {
	case next.Repeat == Always:
	case next.Repeat > 0:
		queue[0].Repeat--
	default:
		s.scripts[key] = queue[1:]
	}
	return next, true
}
