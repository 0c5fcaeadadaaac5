package simulator

import (
	"fmt"
	"path"
	"strconv"
	"sync"
)

// defaultFileSize is the size of a file that names neither size nor content.
const defaultFileSize = 10 << 10

// File is one file of a job's result. The zero value is a small file of noise.
type File struct {
	Name        string // the last segment of its URL; result.bin when empty
	ContentType string // application/octet-stream when empty
	Content     Content
	Size        int64 // bytes of noise when there is no Content; 10 KiB when 0
	PageCount   int   // 0: null

	// URL stands in the answer as it is, in the place of a signed one.
	URL string
	// Delivered makes the URL null: the API has uploaded the file elsewhere.
	Delivered bool
	// Empty is a file of no bytes.
	Empty bool

	// DeclaredSize is what the answer says; the truth when nil.
	DeclaredSize  *int64
	OmitSize      bool // fileSizeBytes is null
	OmitMetadata  bool // there is no metadata at all
	NoContentType bool // the answer names no type, and the download only a DownloadType
	// DownloadType is the type of the download when it is another one.
	DownloadType string
	// ContentEncoding is what the file host says that its bytes are encoded with.
	ContentEncoding string
	// Chunked sends the whole file without a length.
	Chunked bool

	Faults Faults
}

// fileSeed is what tells a file's noise from that of all others.
func fileSeed(jobID string, index int) string { return jobID + "/" + strconv.Itoa(index) }

// normalized fills in the defaults that the fields' comments name. The index
// counts from 0.
func (f File) normalized(jobID string, index int) File {
	if f.Size == 0 && !f.Empty {
		f.Size = defaultFileSize
	}
	if f.Content == nil {
		f.Content = FileContent(jobID, index, f.Size)
	}
	f.Size = f.Content.Size()
	if f.Name == "" {
		f.Name = "result.bin"
	}
	if f.ContentType == "" {
		f.ContentType = typeBytes
	}
	if f.DeclaredSize == nil {
		f.DeclaredSize = &f.Size
	}
	return f
}

// fileState is a file with what has been done to its downloads so far.
type fileState struct {
	seed string

	mu       sync.Mutex
	file     File
	requests int
	cuts     []int64 // still to come
	stalls   []int64
}

func newFileState(jobID string, index int, f File) *fileState {
	state := &fileState{seed: fileSeed(jobID, index), file: f}
	state.arm(f.Faults)
	return state
}

// arm sets the faults, as if nobody had asked for the file yet.
func (s *fileState) arm(faults Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file.Faults = faults
	s.requests = 0
	s.cuts = append([]int64(nil), faults.CutAt...)
	s.stalls = append([]int64(nil), faults.StallAt...)
}

// download is how one request for the file is to be answered.
type download struct {
	state    *fileState
	file     File
	content  Content
	etag     string
	expired  bool
	broken   int // an HTTP status, 0 for none
	redirect string
}

// next counts a request and says what becomes of it.
func (s *fileState) next() download {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.requests
	s.requests++
	f, faults := s.file, s.file.Faults
	d := download{state: s, file: f, content: f.Content, redirect: faults.Redirect}
	seed := s.seed
	if faults.ChangeAfter > 0 && n >= faults.ChangeAfter {
		seed += "/changed"
		d.content = Noise(seed, f.Size)
	}
	d.etag = fmt.Sprintf(`"%016x-%d"`, fingerprint(seed), f.Size)
	d.expired = first(n, faults.Expired)
	if first(n-max(faults.Expired, 0), faults.Unavailable) {
		d.broken = faults.unavailableStatus()
	}
	return d
}

// first reports whether request n, from 0, is among the first count ones.
func first(n, count int) bool { return count == Always || n < count }

// filePath is the path of a file on the file host.
func filePath(jobID string, index int, name string) string {
	return path.Join("/", jobID, strconv.Itoa(index), name)
}

func (s *fileState) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Name
}
