package answer

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jobferry/jobferry/internal/job"
)

// description is what a payload says about itself.
type description struct {
	size        int64
	contentType string
	kind        job.Kind
}

// Size is the exact number of bytes, or -1 when it is not known.
func (d *description) Size() int64 { return d.size }

// ContentType is the media type, never empty.
func (d *description) ContentType() string { return d.contentType }

// Ext is empty: a payload has no URL to take an extension from.
func (d *description) Ext() string { return "" }

// ContentEncoding is empty: that of an answer has been undone.
func (d *description) ContentEncoding() string { return "" }

// Kind is the kind of the result.
func (d *description) Kind() job.Kind { return d.kind }

// heldPayload is a result that came whole with its answer.
type heldPayload struct {
	description

	reader *bytes.Reader
}

func (p *heldPayload) Read(b []byte) (int, error) { return p.reader.Read(b) }
func (p *heldPayload) Close() error               { return nil }

// binaryPayload is an answer that is itself the result.
type binaryPayload struct {
	description

	body  *body
	limit int64
	count int64
	err   error // what every further Read returns
}

func (p *binaryPayload) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.body.in.Read(b)
	p.count += int64(n)
	switch {
	case p.count > p.limit:
		p.err = job.TooLarge(p.limit)
		return 0, p.err
	case errors.Is(err, io.EOF):
		p.err = io.EOF
	case p.size >= 0 && errors.Is(err, io.ErrUnexpectedEOF):
		p.err = &job.Error{Class: job.ClassWrongLength, By: job.API, Err: fmt.Errorf("the download disagrees with its own length: it ended at byte %d of %d", p.count, p.size)}
	case err != nil:
		p.err = During("read the binary result", err)
	}
	return n, p.err
}

func (p *binaryPayload) Close() error {
	p.err = cmp.Or(p.err, os.ErrClosed)
	return p.body.Close()
}

// streamedPayload is a result that is read from the answer while it is still
// being received. After its last byte it reads the rest of the answer.
type streamedPayload struct {
	description

	parser *parser
	value  io.Reader
	count  int64
	err    error // what every further Read returns
}

func (p *streamedPayload) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.value.Read(b)
	p.count += int64(n)
	switch {
	case p.count > p.parser.limit:
		n, p.err = 0, job.TooLarge(p.parser.limit)
	case errors.Is(err, io.EOF):
		p.err = cmp.Or(p.parser.finish(), io.EOF) // the rest may take the payload back
	case err != nil:
		p.err = unreadable(tooDeep(err))
	}
	return n, p.err
}

func (p *streamedPayload) Close() error {
	p.err = cmp.Or(p.err, os.ErrClosed)
	return p.parser.body.Close()
}

// textPayload streams the string that comes next.
func (p *parser) textPayload() *streamedPayload {
	return &streamedPayload{
		description: description{size: -1, kind: job.KindText, contentType: typeText},
		parser:      p, value: p.in.StringReader(),
	}
}

// objectPayload streams the object that comes next, byte for byte. The members
// that have been seen tell its kind for the time being.
func (p *parser) objectPayload(seen memberSet) *streamedPayload {
	payload := &streamedPayload{
		description: description{size: -1, kind: seen.payloadKind(), contentType: typeJSON},
		parser:      p,
	}
	payload.value = p.in.RawReader(func(name string) {
		seen.add(name)
		payload.kind = seen.payloadKind()
	})
	return payload
}
