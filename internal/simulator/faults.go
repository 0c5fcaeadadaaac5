package simulator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"golang.org/x/time/rate"
)

// Faults are what goes wrong with the downloads of one file. Offsets count
// from the beginning of the file, also in a request for a range of it.
type Faults struct {
	// CutAt closes the connection when a download comes to one of the offsets,
	// at each of them once.
	CutAt []int64
	// CutEvery closes the connection of each download after that many bytes.
	CutEvery int64
	// Short never sends that many bytes at the end, though the length counts
	// them.
	Short int64
	// StallAt stops sending at one of the offsets, at each once, until
	// StallUntil is closed; without it until the client goes away.
	StallAt    []int64
	StallUntil <-chan struct{}
	// Rate is how many bytes a second a download gets; 0 for no limit.
	Rate int64

	// Expired answers that many first requests 403, request has expired;
	// Unavailable the next ones UnavailableStatus (503 when 0). Always is for
	// ever.
	Expired           int
	Unavailable       int
	UnavailableStatus int
	// Redirect answers 302 to this URL.
	Redirect string
	// NoRange ignores Range; NoETag sends neither ETag nor Last-Modified.
	NoRange bool
	NoETag  bool
	// ChangeAfter makes it another file, with another ETag and of the same
	// length, after that many requests.
	ChangeAfter int
}

func (f Faults) unavailableStatus() int {
	if f.UnavailableStatus == 0 {
		return http.StatusServiceUnavailable
	}
	return f.UnavailableStatus
}

// errBroken is the end of a download that a fault has cut.
var errBroken = errors.New("the download is cut here by a fault")

// rateBurst is how many bytes a limited download may send at once.
const rateBurst = 16 << 10

// faultyReader reads a file for one download, up to its next fault. Whatever
// it waits for, what has been read so far is sent before.
type faultyReader struct {
	*io.SectionReader
	download download
	gone     <-chan struct{}   // the client is, or the server closes
	flush    func()            // sends what has been read
	pace     func(n int) error // waits until n more bytes may be sent; nil for no limit
	position int64
	sent     int64 // bytes of this download
	broken   bool  // a fault has ended it
	record   *sent
}

func newFaultyReader(ctx context.Context, d download, flush func(), record *sent) *faultyReader {
	r := &faultyReader{SectionReader: Open(d.content), download: d, gone: ctx.Done(), flush: flush, record: record}
	if limit := d.file.Faults.Rate; limit > 0 {
		limiter := rate.NewLimiter(rate.Limit(limit), rateBurst)
		r.pace = func(n int) error { return limiter.WaitN(ctx, n) }
	}
	return r
}

// Seek keeps the position in step: offsets of faults count from the beginning.
func (r *faultyReader) Seek(offset int64, whence int) (int64, error) {
	position, err := r.SectionReader.Seek(offset, whence)
	r.position = position
	return position, err
}

// Read never reads across a fault, so that it comes at its exact byte.
func (r *faultyReader) Read(p []byte) (int, error) {
	for {
		room, stall := r.download.state.room(r.position, r.sent)
		if room > 0 {
			p = p[:min(int64(len(p)), room)]
			break
		}
		r.note(stall)
		if !stall || !r.released() {
			r.broken = true
			return 0, errBroken
		}
	}
	if r.pace != nil {
		r.flush()
		p = p[:min(len(p), rateBurst)]
		if err := r.pace(len(p)); err != nil {
			return 0, err
		}
	}
	n, err := r.SectionReader.Read(p)
	r.position += int64(n)
	r.sent += int64(n)
	return n, err
}

func (r *faultyReader) note(stall bool) {
	if stall {
		r.record.stalls++
	} else {
		r.record.cuts++
	}
}

// released waits at a stall, and reports whether the download goes on.
func (r *faultyReader) released() bool {
	r.flush()
	select {
	case <-r.download.file.Faults.StallUntil: // nil: blocks for ever
		return true
	case <-r.gone:
		return false
	}
}

// room is how many bytes may be sent from a position on before the next fault;
// 0 is the fault itself, which is thereby used up.
func (s *fileState) room(position, sent int64) (room int64, stall bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if use(&s.stalls, position) {
		return 0, true
	}
	if use(&s.cuts, position) {
		return 0, false
	}
	faults := s.file.Faults
	room = s.file.Size - faults.Short - position
	if faults.Short == 0 {
		room = s.file.Size + 1 - position // the end is not a fault
	}
	if faults.CutEvery > 0 {
		room = min(room, faults.CutEvery-sent)
	}
	for _, offset := range slices.Concat(s.stalls, s.cuts) {
		if offset > position {
			room = min(room, offset-position)
		}
	}
	return max(room, 0), false
}

// use removes the offset from those that are still to come, if it is there.
func use(offsets *[]int64, position int64) bool {
	at := slices.Index(*offsets, position)
	if at < 0 {
		return false
	}
	*offsets = slices.Delete(*offsets, at, at+1)
	return true
}
