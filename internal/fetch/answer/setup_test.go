package answer

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newReader returns a reader for results of up to 5 GiB.
func newReader() *Reader { return NewReader(Limits{Result: 5 << 30}) }

// readFrom reads the answer of a host, and all files of its result.
func readFrom(ctx context.Context, t testing.TB, r *Reader, host fetchtest.Transport) (job.Answer, error) {
	t.Helper()
	return r.Read(ask(ctx, t, host), fetchtest.ID)
}

func ask(ctx context.Context, t testing.TB, host fetchtest.Transport) *watchdog.Response {
	t.Helper()
	resp, err := watchdog.Send(ctx, &http.Client{Transport: host}, watchdog.Request{
		Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "api.test"}, OpenLimit: 30 * time.Second, IdleLimit: 15 * time.Second,
	})
	require.NoError(t, err)
	return resp
}

// asJSON is a host that gives a request this JSON.
func asJSON(body io.Reader) fetchtest.Transport {
	return func(*http.Request) (*http.Response, error) {
		return fetchtest.Respond(http.StatusOK, body, "Content-Type", "application/json"), nil
	}
}

// readJSON reads an answer of this JSON.
func readJSON(t testing.TB, body string) (job.Answer, error) {
	t.Helper()
	return readFrom(t.Context(), t, newReader(), asJSON(strings.NewReader(body)))
}

// contents reads an answer's payload to its end.
func contents(t testing.TB, answer job.Answer) string {
	t.Helper()
	require.NotNil(t, answer.Payload)
	got, err := io.ReadAll(answer.Payload)
	require.NoError(t, err)
	require.NoError(t, answer.Close())
	return string(got)
}

// short is the beginning of a document, to name a test.
func short(document string) string { return document[:min(len(document), 60)] }
