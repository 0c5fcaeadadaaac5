package answer

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// MaxProblem is how much of a problem document, or of another small answer, is
// read, in bytes.
const MaxProblem = 64 << 10

// fieldLimit is the longest field of a problem that is kept, in bytes.
const fieldLimit = 1024

// problemDocument is what the API's small answers may hold: a problem document of
// RFC 9457, the error object of a failed job, and how long to wait. A member
// of an unexpected type must not make the others unreadable, so each is kept
// raw.
type problemDocument struct {
	Type       json.RawMessage `json:"type"`
	Title      json.RawMessage `json:"title"`
	Detail     json.RawMessage `json:"detail"`
	Instance   json.RawMessage `json:"instance"`
	Extensions json.RawMessage `json:"extensions"`
}

// parseProblem reads what there is; a body of any other kind says nothing.
func parseProblem(raw []byte) problemDocument {
	var d problemDocument
	if json.Unmarshal(bytes.TrimPrefix(raw, byteOrderMark), &d) != nil {
		return problemDocument{}
	}
	return d
}

// problem returns what the document says, or nil if it says nothing.
func (d problemDocument) problem() *job.Problem {
	p := job.Problem{
		Type:     reference(d.Type),
		Title:    secret.Printable(text(d.Title), fieldLimit),
		Detail:   secret.Printable(text(d.Detail), fieldLimit),
		Instance: reference(d.Instance),
	}
	if p == (job.Problem{}) {
		return nil
	}
	return &p
}

// IsObject reports whether a small answer is a JSON object, which no gateway's page
// is.
func IsObject(body []byte) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(bytes.TrimPrefix(body, byteOrderMark), &object) == nil && object != nil
}

// IsProblem reports whether an answer is the API's problem document: a JSON object
// of its media type, or any with a title and a status.
func IsProblem(header http.Header, body []byte) bool {
	var p struct {
		Title  *string      `json:"title"`
		Status *json.Number `json:"status"`
	}
	if !IsObject(body) {
		return false
	}
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	if media == "application/problem+json" {
		return true
	}
	return json.Unmarshal(bytes.TrimPrefix(body, byteOrderMark), &p) == nil && p.Title != nil && p.Status != nil
}

// byteOrderMark may come before JSON, though RFC 8259 does not allow it.
var byteOrderMark = []byte("\xef\xbb\xbf")

// statusProblem is the problem of an answer that is an error by its status
// code, whatever its body says.
func statusProblem(code int, body []byte) *job.Problem {
	p := parseProblem(body).problem()
	if p == nil {
		p = &job.Problem{Title: http.StatusText(code)}
	}
	p.Status = code
	return p
}

// failedProblem is the problem of a failed job. The API's samples accept it
// under error and at the top level.
func failedProblem(errorMember []byte, top problemDocument) *job.Problem {
	if p := parseProblem(errorMember).problem(); p != nil {
		return p
	}
	if title := secret.Printable(text(errorMember), fieldLimit); title != "" {
		return &job.Problem{Title: title}
	}
	return problemDocument{Type: top.Type, Title: top.Title}.problem()
}

// reference is a field that is a URI reference, which may be relative: there a
// question mark always begins a query.
func reference(raw json.RawMessage) string {
	before, _, _ := strings.Cut(text(raw), "?")
	return secret.Printable(before, fieldLimit)
}

// text returns a JSON string's value, and nothing for anything else.
func text(raw json.RawMessage) string {
	s, _ := jsonstream.Unquote(raw)
	return s
}
