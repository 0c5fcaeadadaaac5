package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/secret"
)

// Verdict is what an answer of the API means for the job.
type Verdict string

// The verdicts. Everything that is none of these is an error: the job waits.
const (
	Running   Verdict = "running"   // 404, or a status that is not terminal
	Completed Verdict = "completed" // the answer carries the result
	Failed    Verdict = "failed"    // settled by the API, with an error object
	Canceled  Verdict = "canceled"
	Unknown   Verdict = "unknown" // only of the status endpoint: 404 there
)

// Kind says what a completed job's result is.
type Kind string

// The kinds, by the member of the result that tells them apart.
const (
	KindFile       Kind = "file"
	KindFiles      Kind = "files"
	KindText       Kind = "text"
	KindTables     Kind = "tables"
	KindTextBoxes  Kind = "textBoxes"
	KindPIIBoxes   Kind = "PIIBoxes"
	KindProperties Kind = "properties"
	KindForm       Kind = "form"
	KindJSON       Kind = "json"      // an object of no known type
	KindBinary     Kind = "binary"    // the answer's body itself
	KindDelivered  Kind = "delivered" // the API uploaded the result elsewhere
)

// Answer is one readable answer of the API about a job.
type Answer struct {
	Verdict Verdict
	// Error is the API's own word on a failed job.
	Error *Problem
	// RetryAfter is how long the API asks to wait at least, zero if it does not.
	RetryAfter time.Duration

	// Kind, and either Files or Payload, are set for Completed. Files whose
	// URL is empty were delivered elsewhere.
	Kind    Kind
	Files   []File
	Payload Payload
	// Release is told when the files are of no use any more; nil where nobody
	// minds. It may be called again.
	Release func()
}

// Close releases what the answer holds. It is safe on every answer.
func (a Answer) Close() error {
	if a.Release != nil {
		a.Release()
	}
	if a.Payload == nil {
		return nil
	}
	return a.Payload.Close()
}

// File is one result file as the API describes it.
type File struct {
	URL         secret.String // signed: whoever has it has the file
	Ext         string        // of the URL's path, with its dot, or empty
	ContentType string        // empty: take the download's
	// DeclaredSize and PageCount are nil where the API gives none.
	DeclaredSize *int64
	PageCount    *int
}

// FileHost is the host of the first file that has to be downloaded, empty if there
// is none.
func (a Answer) FileHost() string {
	for _, file := range a.Files {
		if !file.URL.IsZero() {
			return file.Host()
		}
	}
	return ""
}

// ChangedFileList is no list of files: those of two tries differed.
const ChangedFileList = "changed"

// FileList tells the files from those of another answer, in their order.
func (a Answer) FileList() string {
	sum := sha256.New()
	for _, file := range a.Files {
		_, _ = io.WriteString(sum, file.Source()+"\n")
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// Host is the host of the file's URL, with its port if it has one.
func (f File) Host() string {
	host, _ := f.place()
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	return strings.ToLower(host)
}

// Source tells a file from the others of its result: it is a hash of its URL's path,
// which a fresh signature does not change. Nothing can be read from it.
func (f File) Source() string {
	if f.URL.IsZero() {
		return ""
	}
	_, path := f.place()
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:8])
}

// place is what stands between the scheme and the query of the file's URL.
func (f File) place() (host, path string) {
	_, rest, _ := strings.Cut(f.URL.Reveal(), "://")
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	host, path, _ = strings.Cut(rest, "/")
	return host, path
}

// Announced is what the API says of the file before its download has begun, or
// nil where it does not say what the object's key is made of.
func (f File) Announced() Description {
	if f.ContentType == "" {
		return nil
	}
	return announced{f}
}

type announced struct{ file File }

func (a announced) ContentType() string { return a.file.ContentType }
func (a announced) Ext() string         { return a.file.Ext }

func (a announced) Size() int64 {
	if a.file.DeclaredSize == nil {
		return -1
	}
	return *a.file.DeclaredSize
}

// Description is what is known of an object before its bytes are: where it is
// stored, and as what.
type Description interface {
	// Size is the exact number of bytes, or -1 when it is not known.
	Size() int64
	// ContentType is the media type, never empty.
	ContentType() string
	// Ext is the file name extension for a media type that has none of its
	// own in our table: from the URL's path, with its dot, or empty.
	Ext() string
}

// Source is a stream of bytes to be stored. Read is called from one goroutine
// at a time. io.EOF means that the stream is whole, to the last byte, and that
// everything that could be said against it has been checked; any other error
// means that nothing may come of what was read.
type Source interface {
	io.ReadCloser
	Description
	// ContentEncoding is what the bytes are encoded with, as in HTTP, or empty.
	ContentEncoding() string
}

// Downloads opens the files of one completed job. They share the renewals of
// their URLs. It is safe for concurrent use.
type Downloads interface {
	// Open starts the download of the index-th file, from 0. The caller closes
	// the source.
	Open(ctx context.Context, index int) (Source, error)
	// Renewals is how often the API was asked for fresh URLs: polls of the job.
	Renewals() int
	// Close releases the newest answer. No source may be open.
	Close()
}

// Payload is a result that stands in the API's answer itself. Its Read returns
// io.EOF only after the rest of the answer has been read and says that the job
// is completed.
type Payload interface {
	Source
	// Kind is the result's kind; for a payload too large to look through
	// beforehand it is exact only after io.EOF.
	Kind() Kind
}
