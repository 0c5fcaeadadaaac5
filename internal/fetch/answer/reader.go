package answer

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/mediatype"
)

// windowBytes is how much of an answer is buffered. An answer that fits is read
// whole before its result is used.
const windowBytes = 64 << 10

// maxOverhead is the default of Limits.Overhead. A result of maxFiles files, two
// KiB each, has 200 MiB.
const maxOverhead = 512 << 20

// The content types that are set where the API gives none.
const (
	typeJSON = "application/json"
	typeText = "text/plain; charset=utf-8"
)

// errHTML is a 200 that no API sends: a login page, or a proxy's own error.
var errHTML = errors.New("the job API answers with an HTML page; is there a proxy in between")

// EveryFile stands for all files of a result in [Reader.Read].
const EveryFile = -1

// Limits of answers, in bytes.
type Limits struct {
	Result   int64 // of a result that is a payload
	Overhead int64 // of everything else in an answer; 512 MiB if it is 0
}

// Reader reads answers of 200. The lists of files that it returns share a limit
// of memory. It is safe for concurrent use.
type Reader struct {
	limits  Limits
	windows sync.Pool // of *bufio.Reader, windowBytes each
	lists   *memoryBudget
}

// NewReader returns a reader with these limits.
func NewReader(limits Limits) *Reader {
	limits.Overhead = cmp.Or(limits.Overhead, maxOverhead)
	r := &Reader{limits: limits, lists: newMemoryBudget()}
	r.windows.New = func() any { return bufio.NewReaderSize(nil, windowBytes) }
	return r
}

// Read reads an answer by its content type, and takes the response over. Of a
// result of files it keeps the one at index file, from 0, or [EveryFile]. The
// caller closes the answer when its files are of no further use, because the
// memory that they take is bounded over all answers.
func (r *Reader) Read(resp *watchdog.Response, file int) (job.Answer, error) {
	b := r.open(resp)
	window, err := b.in.Peek(windowBytes)
	content := contentOf(resp.Header.Get("Content-Type"), window)
	// A binary result that is cut short disagrees with its length, however short
	// it is: its payload meets the error again.
	short := content == contentBinary && errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !errors.Is(err, io.EOF) && !short {
		_ = b.Close()
		return job.Answer{}, unreadable(err)
	}
	resp.StopOpenTimer()
	switch content {
	case contentJSON:
		return r.readJSON(b, err != nil, file)
	case contentHTML:
		_ = b.Close()
		return job.Answer{}, &job.Error{By: job.API, Err: errHTML}
	default:
		return r.readBinary(b)
	}
}

// body is an answer's body behind its window.
type body struct {
	response *watchdog.Response
	in       *bufio.Reader
	release  func()
}

func (r *Reader) open(resp *watchdog.Response) *body {
	in, _ := r.windows.Get().(*bufio.Reader)
	in.Reset(resp)
	return &body{response: resp, in: in, release: func() {
		in.Reset(nil)
		r.windows.Put(in)
	}}
}

// Close closes the response and gives the window back. It may be called again.
func (b *body) Close() error {
	if b.release == nil {
		return nil
	}
	b.release()
	b.release = nil
	return b.response.Close()
}

// content is how an answer of 200 is to be read.
type content int

// The ways to read it.
const (
	contentBinary content = iota
	contentJSON
	contentHTML
)

// contentOf judges by the declared type alone, because a result may well begin
// like something else; only where none is declared do the bytes decide.
func contentOf(declared string, window []byte) content {
	media, _, _ := mime.ParseMediaType(declared)
	if media == "" {
		media, _, _ = strings.Cut(declared, ";")
		media = strings.ToLower(strings.TrimSpace(media))
	}
	switch {
	case media == "" && strings.HasPrefix(http.DetectContentType(window), "text/html"):
		return contentHTML
	case media == "" && looksJSON(window), media == typeJSON, media == "text/json", strings.HasSuffix(media, "+json"):
		return contentJSON
	case media == "text/html", media == "application/xhtml+xml":
		return contentHTML
	}
	return contentBinary
}

// looksJSON reports whether an answer without a type is to be read as JSON. An
// empty one is, so that it counts as cut short and not as an empty result.
func looksJSON(window []byte) bool {
	trimmed := strings.TrimLeft(string(window[:min(len(window), 512)]), " \t\r\n")
	return trimmed == "" || trimmed[0] == '{'
}

// readBinary makes the body itself the result.
func (r *Reader) readBinary(b *body) (job.Answer, error) {
	size := b.response.ContentLength
	if size > r.limits.Result {
		_ = b.Close()
		return job.Answer{}, job.TooLarge(r.limits.Result)
	}
	p := &binaryPayload{
		description: description{size: size, kind: job.KindBinary, contentType: mediatype.First(b.response.Header.Get("Content-Type"))},
		body:        b,
		limit:       r.limits.Result,
	}
	return job.Answer{Verdict: job.Completed, Kind: job.KindBinary, Payload: p}, nil
}

// readJSON reads a JSON document until it is whole or its payload begins.
func (r *Reader) readJSON(b *body, fits bool, file int) (job.Answer, error) {
	p := &parser{
		body: b, in: jsonstream.NewReader(b.in, r.limits.Overhead), limit: r.limits.Result,
		file: file, memory: r.lists.reserve(), fits: fits,
	}
	answer, err := p.read()
	if len(answer.Files) == 0 {
		p.memory.release()
		return answer, err
	}
	answer.Release = p.memory.release
	return answer, nil
}
