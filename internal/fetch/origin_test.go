package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// redirectsOf are places that an API at https://api.test could send a request
// to. A token that is for the one origin goes to none of them, not even to
// those that net/http takes for the same site.
var redirectsOf = map[string]string{
	"the same origin": "/v2/elsewhere",
	"the same URL":    "",
	"another port":    "https://api.test:8443/jobs",
	"another scheme":  "http://api.test/jobs",
	"a subdomain":     "https://evil.api.test/jobs",
	"a parent domain": "https://test/jobs",
	"the file host":   "https://files.test/out/f",
	"another host":    "https://evil.test/",
	"an address":      "https://169.254.169.254/latest/",
	"no location":     "-",
	"no URL":          "://%zz?signature=hunter2",
}

// Every request of the API, with a token or with the client's secret, answered
// by every redirect to everywhere: there is no second request, and the job waits.
func TestNoCredentialFollowsARedirect(t *testing.T) {
	t.Parallel()
	calls := map[string]func(context.Context, *Client) error{
		"poll":   func(ctx context.Context, c *Client) error { return second(c.Poll(ctx, fetchtest.ID)) },
		"status": func(ctx context.Context, c *Client) error { return second(c.Status(ctx, fetchtest.ID)) },
	}
	for _, code := range []int{300, 301, 302, 303, 307, 308, 305, 399} {
		for where, location := range redirectsOf {
			redirect := says(code, "Location", location)
			if location == "-" {
				redirect = says(code)
			}
			for what, call := range calls {
				name := fmt.Sprintf("%s answered with %d to %s", what, code, where)
				api := script(redirect)
				fetchtest.RequireUnavailable(t, call(t.Context(), offline(t, api.RoundTrip, nil)))
				requireOrigin(t, api, name)

				tokens := script(redirect)
				known, ok := errors.AsType[*job.Error](call(t.Context(), offline(t, tokens.RoundTrip, nil, clientCredentials)))
				require.True(t, ok && (known.Waits() || known.Class == job.ClassRefused), name)
				requireOrigin(t, tokens, "the token for a "+name)
			}
			probe := script(redirect)
			_ = offline(t, probe.RoundTrip, nil).Probe(t.Context())
			requireOrigin(t, probe, "a probe")
		}
	}
}

// requireOrigin checks that one request was made, of the API.
func requireOrigin(t *testing.T, api *steps, name string) {
	t.Helper()
	require.Len(t, api.seen(), 1, name)
	require.Equal(t, "https", api.seen()[0].URL.Scheme, name)
	require.Equal(t, "api.test", api.seen()[0].URL.Host, name)
}

// seenHeaders notes what a server was asked with.
type seenHeaders struct {
	mu  sync.Mutex
	all []http.Header
}

func (s *seenHeaders) note(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, r.Header.Clone())
}

// Downloads carry nothing of the API's, wherever they lead: to the file host, by
// a redirect, with a fresh URL, and to the API's own origin, which sets a
// cookie on top.
func TestDownloadsCarryNoCredential(t *testing.T) {
	t.Parallel()
	var downloads seenHeaders
	files := serve(t, func(w http.ResponseWriter, r *http.Request) {
		downloads.note(r)
		if r.URL.RawQuery == "stale" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/f", http.StatusTemporaryRedirect)
		default:
			_, _ = io.WriteString(w, "content")
		}
	})
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "hunter2", Path: "/"})
		if strings.HasPrefix(r.URL.Path, "/file") {
			downloads.note(r)
			_, _ = io.WriteString(w, "content")
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+fetchtest.Token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, completed(`{"file":{"URL":"`+files.URL+`/f?fresh"}}`))
	})
	client := newClient(t, api.URL)
	require.NoError(t, second(client.Poll(t.Context(), fetchtest.ID)))
	for _, from := range []string{files.URL + "/f", files.URL + "/away", files.URL + "/f?stale", api.URL + "/file", api.URL + "/file"} {
		content, err := readAll(client.Download(job.Job{ID: fetchtest.ID}, []job.File{{URL: secret.New(from)}}).Open(t.Context(), 0))
		require.NoError(t, err)
		require.Equal(t, "content", content)
	}
	require.Len(t, downloads.all, 7)
	for _, header := range downloads.all {
		for _, name := range []string{"Authorization", "Cookie", "Referer", "Proxy-Authorization"} {
			require.Empty(t, header.Values(name), name)
		}
		require.NotContains(t, fmt.Sprint(header), fetchtest.Token)
	}
}

// One host may be both, and listen on two ports: what is not the API's origin
// gets no token, even if the API's answer sends a client of net/http there.
func TestTheTokenStaysWithOneOrigin(t *testing.T) {
	t.Parallel()
	var elsewhere seenHeaders
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { elsewhere.note(r) })
	for _, code := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		api := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, code) })
		fetchtest.RequireUnavailable(t, second(newClient(t, api.URL).Poll(t.Context(), fetchtest.ID)))
		require.True(t, job.IsRefused(second(newClient(t, api.URL, clientCredentials).Poll(t.Context(), fetchtest.ID))))
	}
	require.Empty(t, elsewhere.all)
}
