package sink

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// fakeS3 is a store that answers as a test likes, for what a real one does
// rarely.
func fakeS3(t *testing.T, handler http.HandlerFunc) aws.Config {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return chain(server.URL)
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
