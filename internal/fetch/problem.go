package fetch

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/jobferry/jobferry/internal/job"
)

// problemLimit is how much of a problem document is read, in bytes.
const problemLimit = 64 << 10

// fieldLimit is the longest field of a problem that is kept, in bytes.
const fieldLimit = 1024

// document is what the API's small answers may hold: a problem document of
// RFC 9457, the error object of a failed job, and how long to wait. A member
// of an unexpected type must not make the others unreadable, so each is kept
// raw.
type document struct {
	Type       json.RawMessage `json:"type"`
	Title      json.RawMessage `json:"title"`
	Detail     json.RawMessage `json:"detail"`
	Instance   json.RawMessage `json:"instance"`
	Extensions json.RawMessage `json:"extensions"`
}

// parseDocument reads what there is; a body of any other kind says nothing.
func parseDocument(raw []byte) document {
	var d document
	if json.Unmarshal(raw, &d) != nil {
		return document{}
	}
	return d
}

// problem returns what the document says, or nil if it says nothing.
func (d document) problem() *job.Problem {
	p := job.Problem{
		Type:     reference(d.Type),
		Title:    printable(text(d.Title), fieldLimit),
		Detail:   printable(text(d.Detail), fieldLimit),
		Instance: reference(d.Instance),
	}
	if p == (job.Problem{}) {
		return nil
	}
	return &p
}

// statusProblem is the problem of an answer that is an error by its status
// code, whatever its body says.
func statusProblem(code int, body []byte) *job.Problem {
	p := parseDocument(body).problem()
	if p == nil {
		p = &job.Problem{Title: http.StatusText(code)}
	}
	p.Status = code
	return p
}

// failedProblem is the problem of a failed job. The API's samples accept it
// under error and at the top level.
func failedProblem(errorMember []byte, top document) *job.Problem {
	if p := parseDocument(errorMember).problem(); p != nil {
		return p
	}
	if title := printable(text(errorMember), fieldLimit); title != "" {
		return &job.Problem{Title: title}
	}
	return document{Type: top.Type, Title: top.Title}.problem()
}

// reference is a field that is a URI reference, which may be relative: there a
// question mark always begins a query.
func reference(raw json.RawMessage) string {
	before, _, _ := strings.Cut(text(raw), "?")
	return printable(before, fieldLimit)
}

// text returns a JSON string's value, and nothing for anything else.
func text(raw json.RawMessage) string {
	s, _ := textOf(raw)
	return s
}

// textOf returns a JSON string's value, or false if raw is none. raw is valid
// JSON. Most strings mean themselves, and need no decoder.
func textOf(raw []byte) (s string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if inner := raw[1 : len(raw)-1]; plainRun(inner) == len(inner) && utf8.Valid(inner) {
		return string(inner), true
	}
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}
