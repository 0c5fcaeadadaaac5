package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// gateway stands between the worker and the API. It passes requests on, or answers
// them itself.
type gateway struct {
	*httptest.Server
	itself   atomic.Pointer[http.HandlerFunc] // nil: it passes them on
	answered atomic.Int64                     // requests that it has answered itself
}

func (w *world) newGateway() *gateway {
	w.t.Helper()
	target, err := url.Parse(w.api.APIURL())
	require.NoError(w.t, err)
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	g := &gateway{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if itself := g.itself.Load(); itself != nil && r.URL.Path != "/oauth/token" {
			g.answered.Add(1)
			(*itself)(rw, r)
			return
		}
		pass.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(g.Close)
	return g
}

// answerPage is an answer of the gateway's own.
func answerPage(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// TestAGatewaysAnswersEndNoJob: many jobs run while a gateway answers in the API's
// place for a while. Then each is completed with the right bytes.
func TestAGatewaysAnswersEndNoJob(t *testing.T) {
	t.Parallel()
	for name, itself := range map[string]http.HandlerFunc{
		"firewall":            answerPage(403, "text/html", "<html>Request blocked</html>"),
		"firewall in JSON":    answerPage(403, "application/json", `{"message": "Forbidden"}`),
		"bad request":         answerPage(400, "text/html", "<html><center>nginx</center></html>"),
		"load balancer":       answerPage(200, "text/plain", "OK"),
		"maintenance":         answerPage(200, "text/html", "<html>Back soon</html>"),
		"error as a document": answerPage(200, "application/pdf", "<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>"),
		"error in JSON":       answerPage(200, "application/json", `{"error": "rate limited"}`),
		"status page":         answerPage(200, "application/json", `{"status": "failed"}`),
		"default backend":     answerPage(404, "text/plain", "default backend - 404"),
		"gone":                answerPage(410, "text/html", "<html>Gone</html>"),
		"empty":               answerPage(413, "", ""),
		"guarded JSON":        answerPage(200, "application/json", ")]}',\n{\"jobID\": \"job-1\", \"status\": \"failed\"}"),
		"long headers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
			w.WriteHeader(http.StatusNotFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := w.newGateway()
			p := w.start(map[string]string{"NITRO_API_URL": g.URL, "WORKER_JOB_DEADLINE": "1s"})
			p.ready()
			const count = 60
			jobs := make([]simulator.Job, count)
			for i := range jobs {
				jobs[i] = simulator.Job{ID: fmt.Sprintf("job-%d", i), Duration: 500 * time.Millisecond}
			}
			g.itself.Store(&itself)
			w.add(jobs...)
			w.eventually("the gateway was not asked about every job", func() bool { return g.answered.Load() > 3*count })
			p.unready()
			require.Zero(t, w.count("JOBS_EVENTS"), "no job has ended")
			g.itself.Store(nil)
			for _, j := range jobs {
				w.check(j)
			}
			p.ready()
			w.nothingLeft()
		})
	}
}

// TestOneJobsRefusalsHoldUpNoOther: a job is refused for ever, and others run.
func TestOneJobsRefusalsHoldUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.newGateway()
	refuse := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/jobs/foreign" {
			answerPage(401, "application/problem+json", `{"title": "Unauthorized", "status": 401}`)(rw, r)
			return
		}
		target, _ := url.Parse(w.api.APIURL())
		(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}).ServeHTTP(rw, r)
	})
	g.itself.Store(&refuse)
	p := w.start(map[string]string{"NITRO_API_URL": g.URL})
	p.ready()
	w.submit("foreign")
	for i := range 20 {
		j := simulator.Job{ID: fmt.Sprintf("job-%d", i)}
		w.add(j)
		w.check(j)
		status, body := get(t, p.url()+"/readyz")
		require.Equal(t, http.StatusOK, status, body)
	}
}

// TestAProxyThatAnswersItself: the API is reached through HTTP_PROXY, which answers in
// its place for a while.
func TestAProxyThatAnswersItself(t *testing.T) {
	t.Parallel()
	for name, itself := range map[string]http.HandlerFunc{
		"forbids":     answerPage(403, "text/html", "<html>Not allowed</html>"),
		"wants to be": answerPage(407, "text/html", "<html>Who are you?</html>"),
		"logs in":     answerPage(200, "text/html", "<html>Log in</html>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := w.newGateway()
			w.env["HTTP_PROXY"], w.env["NITRO_API_URL"] = g.URL, "http://api.test"
			p := w.start(nil)
			p.ready()
			g.itself.Store(&itself)
			_, wrong := w.checks(1)
			require.Contains(t, wrong, "job API")
			jobs := make([]simulator.Job, 20)
			for i := range jobs {
				jobs[i] = simulator.Job{ID: fmt.Sprintf("job-%d", i)}
			}
			w.add(jobs...)
			p.unready()
			require.Zero(t, w.count("JOBS_EVENTS"), "no job has ended")
			g.itself.Store(nil)
			for _, j := range jobs {
				w.check(j)
			}
		})
	}
}

// TestAProxyThatCannotBeReachedIsNamed: its errors are not the API's.
func TestAProxyThatCannotBeReachedIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	closed := httptest.NewServer(nil)
	closed.Close()
	_, wrong := w.checks(1, "HTTP_PROXY", closed.URL, "NITRO_API_URL", "http://api.test")
	require.Contains(t, wrong["job API"], "through the proxy "+strings.TrimPrefix(closed.URL, "http://")+" (HTTPS_PROXY, HTTP_PROXY, NO_PROXY)")
	refusing := httptest.NewServer(answerPage(403, "text/html", "<html>Not allowed</html>"))
	t.Cleanup(refusing.Close)
	_, wrong = w.checks(1, "HTTP_PROXY", "", "HTTPS_PROXY", refusing.URL, "NITRO_API_URL", "https://api.test")
	require.Contains(t, wrong["job API"], "through the proxy "+strings.TrimPrefix(refusing.URL, "http://"))
	require.Contains(t, wrong["job API"], "Forbidden")
}

// TestPlainHTTPWhereThePortSpeaksTLS: the server itself answers 400.
func TestPlainHTTPWhereThePortSpeaksTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	_, wrong := w.checks(1, "NITRO_API_URL", "http://"+secure.Listener.Addr().String())
	require.Contains(t, wrong["job API"], "is NITRO_API_URL right")
	_, wrong = w.checks(1, "NITRO_API_TOKEN", "token", "NITRO_CLIENT_ID", "", "NITRO_CLIENT_SECRET", "")
	require.NotEmpty(t, wrong["job API"])
	w.start(nil)
	w.submit("job")
	time.Sleep(3 * time.Second)
	require.Zero(t, w.count("JOBS_EVENTS"), "no job has ended")
}
