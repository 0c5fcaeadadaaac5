package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/auth"
	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

func TestPollAsksForTheJob(t *testing.T) {
	t.Parallel()
	var got *http.Request
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("{}"))
	})
	for base, want := range map[string]string{api.URL: "/jobs/" + string(fetchtest.ID), api.URL + "/v1/": "/v1/jobs/" + string(fetchtest.ID)} {
		answer, err := newClient(t, base).Poll(t.Context(), fetchtest.ID)
		require.NoError(t, err)
		require.Equal(t, job.Answer{Verdict: job.Running}, answer)
		require.Equal(t, http.MethodGet, got.Method)
		require.Equal(t, want, got.URL.Path)
		require.Equal(t, "application/json", got.Header.Get("Accept"))
		require.Equal(t, "Bearer "+fetchtest.Token, got.Header.Get("Authorization"))
		require.Equal(t, "gzip", got.Header.Get("Accept-Encoding"))
	}
}

func TestPollByStatusCode(t *testing.T) {
	t.Parallel()
	const problem = `{"type":"https://h/errors?token=hunter2#x","title":"No","status":1,"detail":"see /f?signature=hunter2","instance":"/p?x","extensions":{"retry_after":3}}`
	for _, code := range []int{400, 413, 422} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			_, err := offline(t, fetchtest.Replies(code, problem), nil).Poll(t.Context(), fetchtest.ID)
			failure := fetchtest.RequireReason(t, err, job.ReasonAPIRejected)
			require.Equal(t, &job.Problem{Type: "https://h/errors", Title: "No", Status: code, Detail: "see /f", Instance: "/p"}, failure.Problem)
		})
	}
	_, err := offline(t, fetchtest.Replies(410, `{}`, "Content-Type", "application/problem+json"), nil).Poll(t.Context(), fetchtest.ID)
	failure := fetchtest.RequireReason(t, err, job.ReasonJobExpired)
	require.Equal(t, &job.Problem{Title: "Gone", Status: 410}, failure.Problem)
	for _, code := range []int{402, 403} {
		_, err := offline(t, fetchtest.Replies(code, problem), nil).Poll(t.Context(), fetchtest.ID)
		require.Equal(t, job.ClassForbidden, job.ClassOf(err), "what else the API answers tells whose it is")
	}

	for _, code := range []int{201, 206, 300, 301, 304, 307, 405, 408, 409, 418, 429, 500, 502, 503, 504, 599} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			_, err := offline(t, fetchtest.Replies(code, problem, "Location", "https://elsewhere.test/?signature=1"), nil).Poll(t.Context(), fetchtest.ID)
			waits := fetchtest.RequireUnavailable(t, err)
			require.Equal(t, 3*time.Second, waits.RetryAfter, code)
			require.Equal(t, code == 429, waits.Class == job.ClassThrottled, code)
			require.Contains(t, err.Error(), fmt.Sprint(code))
		})
	}
	answer, err := offline(t, fetchtest.Replies(404, problem, "Retry-After", "5"), nil).Poll(t.Context(), fetchtest.ID)
	require.NoError(t, err)
	require.Equal(t, job.Answer{Verdict: job.Running, RetryAfter: 5 * time.Second}, answer)
}

func TestPollByContentType(t *testing.T) {
	t.Parallel()
	const body = `{"jobID":"the-job","status":"completed","result":"x"}`
	kind := func(contentType, body string) (job.Kind, error) {
		answer, err := offline(t, fetchtest.Replies(200, body, "Content-Type", contentType), nil).Poll(t.Context(), fetchtest.ID)
		if err == nil {
			require.NoError(t, answer.Close())
		}
		return answer.Kind, err
	}
	for _, contentType := range []string{
		"application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/hal+json", "text/json", "application/json; =", "",
		"application/pdf", "application/octet-stream", "text/plain", "image/png", "text/html",
	} {
		t.Run(contentType, func(t *testing.T) {
			t.Parallel()
			got, err := kind(contentType, body)
			require.NoError(t, err, contentType)
			require.Equal(t, job.KindText, got, contentType)
		})
	}
	for _, contentType := range []string{"application/pdf", "application/octet-stream", "image/png", "application/zip", "application/msword"} {
		t.Run(contentType+" of bytes", func(t *testing.T) {
			t.Parallel()
			_, err := kind(contentType, "{\x13\x02\x03")
			require.NoError(t, err, "bytes may begin as an object")
			_, err = kind(contentType, "[\x13\x02\x03")
			require.NoError(t, err, "or as a list")
			got, err := kind(contentType, "{\\rtf1 text}")
			require.NoError(t, err, contentType)
			require.Equal(t, job.KindBinary, got, contentType)
		})
	}
	for contentType, body := range map[string]string{
		"text/html; charset=utf-8": "<html>", "application/xhtml+xml": "<html/>", "": " <!DOCTYPE html><html>", "application/json": "<html>",
		"text/plain": "OK", "application/octet-stream": "<html>", "application/pdf": "<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>",
		"application/xml": "<a/>", "image/png": "", "application/zip": `[]`, "text/csv": "a,b", "application/rtf": `{"error": "rate limited"}`,
	} {
		t.Run(contentType+" "+body, func(t *testing.T) {
			t.Parallel()
			_, err := kind(contentType, body)
			fetchtest.RequireUnavailable(t, err)
		})
	}
	got, err := kind("", "%PDF-1.7")
	require.NoError(t, err)
	require.Equal(t, job.KindBinary, got)
	_, err = kind("", "")
	fetchtest.RequireUnavailable(t, err)
}

func TestPollNeverFollowsARedirect(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	for _, code := range []int{301, 302, 303, 307, 308} {
		api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other.URL+"/?signature=1")
			w.WriteHeader(code)
		})
		_, err := newClient(t, api.URL).Poll(t.Context(), fetchtest.ID)
		fetchtest.RequireUnavailable(t, err)
		require.ErrorContains(t, err, "NITRO_API_URL")
	}
	require.Zero(t, elsewhere.Load())
}

func TestPollOfAnAPIThatIsNotThere(t *testing.T) {
	t.Parallel()
	gone := serve(t, func(http.ResponseWriter, *http.Request) {})
	gone.Close()
	_, err := newClient(t, gone.URL).Poll(t.Context(), fetchtest.ID)
	fetchtest.RequireUnavailable(t, err)

	notHTTP := offline(t, breaks(errors.New(`Get "https://api.test/?signature=1": malformed HTTP response`)), nil)
	_, err = notHTTP.Poll(t.Context(), fetchtest.ID)
	fetchtest.RequireUnavailable(t, err)
}

func TestPollGivesUpOnAnAPIThatHangs(t *testing.T) {
	t.Parallel()
	hang := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	hangInBody := func(req *http.Request) (*http.Response, error) {
		body := &part{ctx: req.Context(), data: strings.NewReader(`{"jobID":"the-job","status":`), end: errStall}
		return fetchtest.Respond(200, body, "Content-Type", "application/json"), nil
	}
	for _, api := range []fetchtest.Transport{hang, hangInBody} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			_, err := offline(t, api, nil).Poll(t.Context(), fetchtest.ID)
			fetchtest.RequireUnavailable(t, err)
			require.LessOrEqual(t, time.Since(began), defaultRequestTimeout)
		})
	}
}

func TestPayloadThatStalls(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"application/json", "image/png"} {
		synctest.Test(t, func(t *testing.T) {
			start := `{"result":"` + strings.Repeat("x", 2*windowBytes)
			client := offline(t, func(req *http.Request) (*http.Response, error) {
				return fetchtest.Respond(200, &part{ctx: req.Context(), data: strings.NewReader(start), end: errStall}, "Content-Type", contentType), nil
			}, nil)
			answer, err := client.Poll(t.Context(), fetchtest.ID)
			require.NoError(t, err)
			time.Sleep(time.Hour) // a slow reader is no stall: this is a bubble's clock

			b := make([]byte, windowBytes)
			began := time.Now()
			for err == nil {
				began = time.Now()
				_, err = answer.Payload.Read(b)
			}
			fetchtest.RequireUnavailable(t, err)
			require.ErrorIs(t, err, watchdog.ErrStalled)
			require.Equal(t, defaultIdleLimit, time.Since(began))
			require.NoError(t, answer.Close())
		})
	}
}

func TestPollEndsWithItsContext(t *testing.T) {
	t.Parallel()
	stop := errors.New("the worker stops")
	begun := make(chan struct{}, 1)
	api := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-begun
		cancel(stop)
	}()
	_, err := newClient(t, api.URL).Poll(ctx, fetchtest.ID)
	require.ErrorIs(t, err, stop)
	require.ErrorIs(t, err, context.Canceled)
	var waits *job.Error
	require.NotErrorAs(t, err, &waits, "the end of the context is not the API's fault")
}

func TestPayloadEndsWithTheContextOfItsPoll(t *testing.T) {
	t.Parallel()
	stop := errors.New("the worker stops")
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"result":"` + strings.Repeat("x", 2*windowBytes)))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	answer, err := newClient(t, api.URL).Poll(ctx, fetchtest.ID)
	require.NoError(t, err)
	cancel(stop)
	for b := make([]byte, windowBytes); err == nil; {
		_, err = answer.Payload.Read(b)
	}
	require.ErrorIs(t, err, stop)
	require.NoError(t, answer.Close())
}

func TestPollsShareAConnection(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	bodies := []string{`{"jobID":"the-job","status":"running"}`, completed(`"x"`), completed(`{"file":{"URL":"https://h/x"}}`), object(`"status":"running"`, padding)}
	var n atomic.Int32
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if i := int(n.Add(1)); i%2 == 0 {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte("{}"))
		} else {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(bodies[i/2%len(bodies)]))
		}
	})
	seen := map[string]bool{}
	handler := api.Config.Handler
	api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !seen[r.RemoteAddr] {
			seen[r.RemoteAddr] = true
			connections.Add(1)
		}
		handler.ServeHTTP(w, r)
	})
	client := newClient(t, api.URL)
	for range 20 {
		answer, err := client.Poll(t.Context(), fetchtest.ID)
		require.NoError(t, err)
		require.NoError(t, answer.Close())
	}
	require.EqualValues(t, 1, connections.Load())
}

func TestStatus(t *testing.T) {
	t.Parallel()
	status := func(code int, body string) (job.Verdict, error) {
		return offline(t, fetchtest.Replies(code, body), nil).Status(t.Context(), fetchtest.ID)
	}
	for body, want := range map[string]job.Verdict{
		`{"jobID":"the-job","status":"running","progress":0.5}`: job.Running, `{"jobID":"the-job","status":"completed"}`: job.Completed,
		`{"jobID":"the-job","status":"failed"}`: job.Failed, `{"jobID":"the-job","status":"canceled"}`: job.Canceled,
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			got, err := status(200, body)
			require.NoError(t, err)
			require.Equal(t, want, got, body)
		})
	}
	got, err := status(404, "{}")
	require.NoError(t, err)
	require.Equal(t, job.Unknown, got)

	for _, body := range []string{``, `<html>`, `{}`, `[]`, `{"jobID":"the-job","status":null}`, `{"jobID":"the-job","status":7}`, `{"jobID":"the-job","status":"comp`} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			_, err := status(200, body)
			fetchtest.RequireUnavailable(t, err)
		})
	}
	for _, code := range []int{204, 302, 400, 403, 408, 422, 429, 500, 503} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			_, err := status(code, `{"jobID":"the-job","status":"completed"}`)
			require.Equal(t, code == 429, fetchtest.RequireUnavailable(t, err).Class == job.ClassThrottled)
		})
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	const problem = `{"title": "x", "status": 1}`
	for _, code := range []int{400, 404, 410, 422} {
		require.NoError(t, offline(t, fetchtest.Replies(code, problem), nil).Probe(t.Context()), code)
	}
	for _, code := range []int{402, 403} {
		require.True(t, job.IsRefused(offline(t, fetchtest.Replies(code, problem), nil).Probe(t.Context())), code)
	}
	for _, code := range []int{200, 302, 400, 403, 404, 410, 418, 429, 500, 502, 503} { // of a gateway
		fetchtest.RequireUnavailable(t, offline(t, fetchtest.Replies(code, ""), nil).Probe(t.Context()))
	}
	fetchtest.RequireUnavailable(t, offline(t, breaks(errors.New("no route")), nil).Probe(t.Context()))
	require.True(t, job.IsRefused(offline(t, fetchtest.Replies(401, ""), nil).Probe(t.Context())))

	asked := script(fetchtest.Replies(404, "{}"))
	require.NoError(t, offline(t, asked.RoundTrip, nil).Probe(t.Context()))
	require.Equal(t, "/jobs/00000000-0000-0000-0000-000000000000/status", asked.seen()[0].URL.Path)
}

func TestPollWithATokenThatIsRefused(t *testing.T) {
	t.Parallel()
	asked := script(fetchtest.Replies(401, `{"title":"Unauthorized"}`))
	_, err := offline(t, asked.RoundTrip, nil).Poll(t.Context(), fetchtest.ID)
	require.True(t, job.IsRefused(err))
	require.ErrorContains(t, err, "NITRO_API_TOKEN")
	fetchtest.RequireNoSecret(t, err)
	require.Len(t, asked.seen(), 2, "there is no other token to try; the second asks whether it is this job's alone")

	file := t.TempDir() + "/token"
	write(t, file, "old\n")
	fresh := func(_ *http.Request) (*http.Response, error) {
		write(t, file, "new\n")
		return fetchtest.Respond(401, strings.NewReader("")), nil
	}
	asked = script(fresh, fetchtest.Replies(404, "{}"))
	fromFile := func(c *Config) { c.Token = auth.FileCredential(file) }
	_, err = offline(t, asked.RoundTrip, nil, fromFile).Poll(t.Context(), fetchtest.ID)
	require.NoError(t, err)
	require.Equal(t, "Bearer old", asked.seen()[0].Header.Get("Authorization"))
	require.Equal(t, "Bearer new", asked.seen()[1].Header.Get("Authorization"))

	asked = script(fetchtest.Replies(401, ""), fetchtest.Replies(404, "{}"))
	_, err = offline(t, asked.RoundTrip, nil).Poll(t.Context(), fetchtest.ID)
	require.Equal(t, job.ClassForbidden, job.ClassOf(err), "the token is good for others")

	_, err = offline(t, breaks(nil), nil, func(c *Config) { c.Token = &fading{good: 1} }).Poll(t.Context(), fetchtest.ID)
	require.True(t, job.IsRefused(err))
}

// fading is a credential that can be read so many times.
type fading struct{ good int }

func (u *fading) Secret() (secret.String, error) { return u.Reread() }
func (u *fading) Reread() (secret.String, error) {
	if u.good--; u.good < 0 {
		return secret.String{}, errors.New("gone")
	}
	return secret.New("x"), nil
}

// FuzzStatus: an answer of the status endpoint is one of four verdicts, or the
// job waits.
func FuzzStatus(f *testing.F) {
	for _, seed := range []string{`{"jobID":"the-job","status":"completed"}`, `{"jobID":"the-job","status":"Completed"}`, `{"jobID":"the-job","status":null}`, `{"jobID":"the-job","status":7}`, `{}`, ``, `[]`, `{"STATUS":"failed"}`} {
		f.Add([]byte(seed), 200)
		f.Add([]byte(seed), 404)
	}
	f.Fuzz(func(t *testing.T, raw []byte, code int) {
		code = 200 + int(uint(code)%400)
		verdict, err := offline(t, fetchtest.Replies(code, string(raw)), nil).Status(t.Context(), fetchtest.ID)
		switch {
		case err != nil:
			known, ok := errors.AsType[*job.Error](err)
			require.True(t, ok && known.Waits() || job.IsRefused(err))
		case code == http.StatusNotFound:
			require.Equal(t, job.Unknown, verdict)
		default:
			require.Contains(t, []int{http.StatusOK, http.StatusNonAuthoritativeInfo}, code)
			require.Contains(t, []job.Verdict{job.Running, job.Completed, job.Failed, job.Canceled}, verdict)
		}
	})
}
