package fetch

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/jobferry/jobferry/internal/job"
)

// The content types that are set where the API gives none.
const (
	typeJSON    = "application/json"
	typeText    = "text/plain; charset=utf-8"
	typeUnknown = "application/octet-stream"
)

// errHTML is a 200 that no API sends: a login page, or a proxy's own error.
var errHTML = errors.New("the job API answers with an HTML page; is there a proxy in between")

// readContent reads a 200 by its content type. It owns the response.
func (c *Client) readContent(r *response, which selection) (job.Answer, error) {
	in, _ := c.windows.Get().(*bufio.Reader)
	in.Reset(r)
	b := &body{response: r, in: in, release: func() {
		in.Reset(nil)
		c.windows.Put(in)
	}}
	window, err := in.Peek(windowBytes)
	content := contentOf(r.Header.Get("Content-Type"), window)
	// A binary result that is cut short is one download that disagrees with its
	// length, however little there is of it: its reader meets the error again.
	short := content == contentBinary && errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !errors.Is(err, io.EOF) && !short {
		_ = b.Close()
		return job.Answer{}, during("read the job API's answer", err)
	}
	r.opened()
	switch content {
	case contentJSON:
		return c.readJSON(b, err != nil, which)
	case contentHTML:
		_ = b.Close()
		return job.Answer{}, &job.Error{By: job.API, Err: errHTML}
	default:
		return c.binary(b)
	}
}

// body is an answer's body behind its window. What reads from it closes it.
type body struct {
	response *response
	in       *bufio.Reader
	release  func()
}

// Close lets go of the response and gives the window back. It may be called
// again.
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

// binary makes the body itself the result.
func (c *Client) binary(b *body) (job.Answer, error) {
	size := b.response.ContentLength
	if size > c.cfg.MaxResultBytes {
		_ = b.Close()
		return job.Answer{}, tooLarge(c.cfg.MaxResultBytes)
	}
	p := &binaryPayload{
		description: description{size: size, kind: job.KindBinary, contentType: mediaType(b.response.Header.Get("Content-Type"))},
		body:        b,
		limit:       c.cfg.MaxResultBytes,
	}
	return job.Answer{Verdict: job.Completed, Kind: job.KindBinary, Payload: p}, nil
}
