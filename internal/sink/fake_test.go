package sink

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// fakeS3 is a store that answers as a test likes, for what a real one does
// rarely. Where the test says nothing else, it answers with the checksum that was
// sent.
func fakeS3(t *testing.T, handler http.HandlerFunc) aws.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &tail{ReadCloser: r.Body}
		r.Body = body
		answer := &echo{ResponseWriter: w, header: r.Header.Get("X-Amz-Checksum-Crc64nvme"), body: body}
		handler(answer, r)
		if !answer.begun {
			answer.WriteHeader(http.StatusOK)
		}
	}))
	t.Cleanup(server.Close)
	return chain(server.URL)
}

const checksumHeader = "x-amz-checksum-crc64nvme"

// tail remembers the end of a body, where a trailer is.
type tail struct {
	io.ReadCloser
	last []byte
}

func (t *tail) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.last = append(t.last, p[max(0, n-64):n]...)
	t.last = slices.Clone(t.last[max(0, len(t.last)-64):])
	return n, err
}

// echo adds the checksum that came with a request to its answer, if there is none.
type echo struct {
	http.ResponseWriter
	header string
	body   *tail
	begun  bool
}

func (e *echo) WriteHeader(status int) {
	_, trailer, _ := strings.Cut(string(e.body.last), checksumHeader+":")
	if sum := cmp.Or(e.header, strings.TrimSpace(trailer)); !e.begun && sum != "" && e.Header().Get("X-Amz-Checksum-Crc64nvme") == "" {
		e.Header().Set("X-Amz-Checksum-Crc64nvme", sum)
	}
	e.begun = true
	e.ResponseWriter.WriteHeader(status)
}

func (e *echo) Write(p []byte) (int, error) {
	if !e.begun {
		e.WriteHeader(http.StatusOK)
	}
	return e.ResponseWriter.Write(p)
}

// answerError answers as S3 does on an error.
func answerError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
}

// operationOf names the operation of a request by its form.
func operationOf(r *http.Request) string {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodHead:
		return opHeadBucket
	case r.Method == http.MethodPost && query.Has("uploads"):
		return opCreate
	case r.Method == http.MethodPost:
		return opComplete
	case r.Method == http.MethodPut && query.Has("partNumber"):
		return opUploadPart
	case r.Method == http.MethodPut:
		return opPutObject
	case r.Method == http.MethodDelete:
		return opAbort
	default:
		return opList
	}
}
