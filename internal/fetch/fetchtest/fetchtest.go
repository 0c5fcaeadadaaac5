// Package fetchtest holds what the tests of fetch and of its parts share: networks
// that a test plays itself, large bodies, and checks of errors.
package fetchtest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

// ID is a job.
const ID = job.ID("the-job")

// Token is the bearer token of the API.
const Token = "the-token-that-nobody-else-may-see"

// Transport is a network that a test plays itself.
type Transport func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f Transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Answering is an API that gives every request the same JSON.
func Answering(body string) Transport {
	return func(*http.Request) (*http.Response, error) {
		return Respond(http.StatusOK, strings.NewReader(body), "Content-Type", "application/json"), nil
	}
}

// Respond builds a response; header holds names and values in turn.
func Respond(code int, body io.Reader, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	length := int64(-1)
	if n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64); err == nil {
		length = n
	}
	return &http.Response{StatusCode: code, Header: h, ContentLength: length, Body: io.NopCloser(body)}
}

// Replies is an API that gives one status code and body.
func Replies(code int, body string, header ...string) Transport {
	return func(*http.Request) (*http.Response, error) {
		return Respond(code, strings.NewReader(body), header...), nil
	}
}

// RequireReason checks that err ends its job for a reason.
func RequireReason(t testing.TB, err error, want job.Reason) *job.Error {
	t.Helper()
	var failure *job.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, job.ClassPermanent, failure.Class, "%v", err)
	require.Equal(t, want, failure.Reason, "%v", err)
	return failure
}

// RequireUnavailable checks that err makes its job wait and no more.
func RequireUnavailable(t testing.TB, err error) *job.Error {
	t.Helper()
	var unavailable *job.Error
	require.ErrorAs(t, err, &unavailable)
	require.True(t, unavailable.Waits(), "%v", err)
	RequireNoSecret(t, err)
	return unavailable
}

// RequireNoSecret checks that err shows neither the token nor a signed URL.
func RequireNoSecret(t testing.TB, err error) {
	t.Helper()
	text := fmt.Sprintf("%v %+v", err, err)
	for _, word := range []string{Token, "X-Amz", "signature", "hunter2"} {
		require.NotContains(t, text, word)
	}
}
