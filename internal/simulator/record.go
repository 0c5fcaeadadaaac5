package simulator

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Call is one request to the API: when it came, and the status it was
// answered; 0 while it is under way and for a connection that was broken
// before the answer.
type Call struct {
	At     time.Time
	Status int
}

// FileRecord is what was asked of one file.
type FileRecord struct {
	Downloads int   // requests, refused ones included
	Ranges    int   // of them with a Range header
	Refused   int   // of them answered neither 200, 206 nor 416
	Bytes     int64 // of bodies, error documents included

	// What of it went wrong, by plan or, with a URL, by its age as well.
	Expired     int // refused because the URL had expired
	Unavailable int // refused by a fault of the file
	Cuts        int // broken in the middle
	Stalls      int // stopped in the middle
}

// add counts how a request ended.
func (f *FileRecord) add(s sent) {
	f.Bytes += s.bytes
	switch s.status {
	case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
	default:
		f.Refused++
	}
	f.Expired += s.expired
	f.Unavailable += s.unavailable
	f.Cuts += s.cuts
	f.Stalls += s.stalls
}

// JobRecord is what was asked about one job.
type JobRecord struct {
	Polls       []Call // of the result
	StatusPolls []Call
	Files       map[int]FileRecord
}

func (j JobRecord) clone() JobRecord {
	return JobRecord{
		Polls: slices.Clone(j.Polls), StatusPolls: slices.Clone(j.StatusPolls), Files: maps.Clone(j.Files),
	}
}

// Record is what the simulator has seen so far.
type Record struct {
	Jobs     map[string]JobRecord // by ID, unknown ones included
	Tokens   []Call
	Requests map[string]int // by endpoint: "token", "result", "status", "file"

	// PeakPolls and PeakDownloads are the most that were under way at once.
	PeakPolls     int
	PeakDownloads int

	// LeakedAuthorization counts requests to the file host that carried an
	// Authorization header: the bearer token must never go there.
	LeakedAuthorization int
	// OtherAccept counts polls that did not ask for application/json.
	OtherAccept int
	// Violations are answers of the simulator itself that its OpenAPI
	// documents do not allow; only with Options.ValidateAnswers.
	Violations []string
}

// recorder keeps the record.
type recorder struct {
	now func() time.Time

	mu        sync.Mutex
	record    Record
	jobs      map[string]*JobRecord
	polls     int // under way
	downloads int // under way
}

func newRecorder(now func() time.Time) *recorder {
	return &recorder{now: now, jobs: map[string]*JobRecord{}, record: Record{Requests: map[string]int{}}}
}

// job returns the record of a job; the lock is held by the caller.
func (c *recorder) job(id string) *JobRecord {
	j := c.jobs[id]
	if j == nil {
		j = &JobRecord{Files: map[int]FileRecord{}}
		c.jobs[id] = j
	}
	return j
}

// call notes a request to the API as it comes, and returns what notes its end.
func (c *recorder) call(endpoint, id string, r *http.Request) (done func(status int)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.Requests[endpoint]++
	calls := c.calls(endpoint, id)
	if endpoint == endpointResult {
		c.polls++
		c.record.PeakPolls = max(c.record.PeakPolls, c.polls)
		if r.Header.Get("Accept") != typeJSON {
			c.record.OtherAccept++
		}
	}
	at := len(*calls)
	*calls = append(*calls, Call{At: c.now()})
	return func(status int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		(*calls)[at].Status = status
		if endpoint == endpointResult {
			c.polls--
		}
	}
}

func (c *recorder) calls(endpoint, id string) *[]Call {
	switch endpoint {
	case endpointToken:
		return &c.record.Tokens
	case endpointStatus:
		return &c.job(id).StatusPolls
	default:
		return &c.job(id).Polls
	}
}

// download notes a request to the file host, and returns what notes its end.
func (c *recorder) download(id string, index int, r *http.Request) (done func(sent)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.Requests[endpointFile]++
	c.downloads++
	c.record.PeakDownloads = max(c.record.PeakDownloads, c.downloads)
	if r.Header.Get("Authorization") != "" {
		c.record.LeakedAuthorization++
	}
	ranged := r.Header.Get("Range") != ""
	c.file(id, index, func(f *FileRecord) {
		f.Downloads++
		if ranged {
			f.Ranges++
		}
	})
	return func(s sent) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.downloads--
		c.file(id, index, func(f *FileRecord) { f.add(s) })
	}
}

// file changes the record of a file; the lock is held by the caller.
func (c *recorder) file(id string, index int, change func(*FileRecord)) {
	files := c.job(id).Files
	f := files[index]
	change(&f)
	files[index] = f
}

func (c *recorder) violation(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.Violations = append(c.record.Violations, what)
}

func (c *recorder) snapshot() Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	record := c.record
	record.Requests = maps.Clone(record.Requests)
	record.Tokens = slices.Clone(record.Tokens)
	record.Violations = slices.Clone(record.Violations)
	record.Jobs = make(map[string]JobRecord, len(c.jobs))
	for id, j := range c.jobs {
		record.Jobs[id] = j.clone()
	}
	return record
}

func (c *recorder) jobSnapshot(id string) JobRecord {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j := c.jobs[id]; j != nil {
		return j.clone()
	}
	return JobRecord{}
}
