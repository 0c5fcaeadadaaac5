package answer

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/mediatype"
	"github.com/jobferry/jobferry/internal/secret"
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

// Read reads an answer about a job, and takes the response over. The caller closes
// the answer when its files are of no further use, because the memory that they
// take is bounded over all answers.
func (r *Reader) Read(resp *watchdog.Response, id job.ID) (job.Answer, error) {
	b := r.open(resp)
	window, err := b.in.Peek(windowBytes)
	if bytes.HasPrefix(window, byteOrderMark) {
		_, _ = b.in.Discard(len(byteOrderMark)) // it is in the window
		window, err = b.in.Peek(windowBytes)
	}
	content := contentOf(resp.Header.Get("Content-Type"), window)
	if isEncoded(resp.Header) && !isObjectStart(window) {
		content = contentForeign
	}
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
		return r.readJSON(b, err != nil, id)
	case contentBinary:
		return r.readBinary(b)
	default:
		_ = b.Close()
		return job.Answer{}, NotTheAPI(resp, describe(resp))
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
	contentForeign content = iota // it is not the API's own
	contentBinary
	contentJSON
)

// contentOf judges by the bytes first: gateways give the API's JSON other types,
// and their own pages any type. A binary result needs a type that a conversion of
// documents makes.
func contentOf(declared string, window []byte) content {
	start := bytes.TrimLeft(window[:min(len(window), 512)], " \t\r\n")
	sniffed := http.DetectContentType(window)
	isText := strings.HasPrefix(sniffed, "text/") // a binary result may begin with any byte
	media, _, _ := mime.ParseMediaType(declared)
	switch {
	case len(start) == 0:
		return contentForeign
	case media == typeJSON, strings.HasSuffix(media, "+json"), isText && isObjectStart(start):
		return contentJSON
	case strings.HasPrefix(sniffed, "text/html"), bytes.Contains(start, []byte("<Error>")), isText && (start[0] == '[' || start[0] == '"'):
		return contentForeign
	case media == "":
		declared = sniffed
	}
	if mediatype.IsDocument(declared) {
		return contentBinary
	}
	return contentForeign
}

// isObjectStart tells the beginning of a JSON object from other text, such as RTF.
func isObjectStart(start []byte) bool {
	rest, found := bytes.CutPrefix(start, []byte("{"))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return found && (len(rest) == 0 || rest[0] == '"' || rest[0] == '}')
}

// describe names what came in place of the API's answer. Its bytes are not repeated:
// they may be anybody's.
func describe(resp *watchdog.Response) string {
	declared := secret.Printable(resp.Header.Get("Content-Type"), 100)
	if encoding := secret.Printable(resp.Header.Get("Content-Encoding"), 100); encoding != "" {
		return fmt.Sprintf("as %q, encoded as %q", declared, encoding)
	}
	return fmt.Sprintf("as %q", declared)
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
func (r *Reader) readJSON(b *body, fits bool, id job.ID) (job.Answer, error) {
	p := &parser{
		body: b, in: jsonstream.NewReader(b.in, r.limits.Overhead), limit: r.limits.Result,
		id: id, memory: r.lists.reserve(), fits: fits,
	}
	answer, err := p.read()
	if len(answer.Files) == 0 {
		p.memory.release()
		return answer, err
	}
	answer.Release = p.memory.release
	return answer, nil
}
