package fetch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/auth"
	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// clientCredentials makes a client ask for its tokens.
func clientCredentials(c *Config) {
	c.Token = nil
	c.ClientID = "id"
	c.ClientSecret = auth.FixedCredential(secret.New("hunter2"))
}

// tokenAPI is an API with a token endpoint of its own.
func tokenAPI(token, jobs fetchtest.Transport) fetchtest.Transport {
	return func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/oauth/token" {
			return token(req)
		}
		return jobs(req)
	}
}

func TestTokenByClientCredentials(t *testing.T) {
	t.Parallel()
	tokens := script(fetchtest.Replies(200, `{"accessToken":"T1","tokenType":"Bearer","expiresIn":86400}`))
	jobs := script(fetchtest.Replies(404, "{}"))
	client := offline(t, tokenAPI(tokens.RoundTrip, jobs.RoundTrip), nil, clientCredentials)
	for range 3 {
		_, err := client.Poll(t.Context(), fetchtest.ID)
		require.NoError(t, err)
	}
	require.Len(t, tokens.seen(), 1)
	req := tokens.seen()[0]
	require.Equal(t, http.MethodPost, req.Method)
	require.Equal(t, "application/json", req.Header.Get("Content-Type"))
	require.Empty(t, req.Header.Get("Authorization"))
	var sent map[string]string
	require.NoError(t, json.NewDecoder(req.Body).Decode(&sent))
	require.Equal(t, map[string]string{"clientID": "id", "clientSecret": "hunter2"}, sent)
	require.Equal(t, "Bearer T1", jobs.seen()[2].Header.Get("Authorization"))
}

func TestTokenIsRenewedInTime(t *testing.T) {
	t.Parallel()
	for answer, good := range map[string]time.Duration{
		`{"accessToken":"T","expiresIn":3600}`:           time.Hour - time.Minute,
		`{"access_token":"T","expires_in":3600}`:         time.Hour - time.Minute,
		`{"accessToken":"T","expiresIn":"3600"}`:         time.Hour - time.Minute,
		`{"accessToken":"T","expiresIn":86400000}`:       24*time.Hour - time.Minute, // milliseconds
		`{"accessToken":"T","expiresIn":100}`:            90 * time.Second,
		`{"accessToken":"T"}`:                            5*time.Minute - 30*time.Second,
		`{"accessToken":"T","expiresIn":-1}`:             5*time.Minute - 30*time.Second,
		`{"accessToken":"T","expiresIn":"soon"}`:         5*time.Minute - 30*time.Second,
		`{"access_token":"T","expires_in":1e300}`:        365*24*time.Hour - time.Minute,
		`{"access_token":"T","expires_in":600.5,"x":[]}`: 540*time.Second + 500*time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			tokens := script(fetchtest.Replies(200, answer))
			client := offline(t, tokenAPI(tokens.RoundTrip, fetchtest.Replies(404, "{}")), nil, clientCredentials)
			ask := func() int {
				_, err := client.Poll(t.Context(), fetchtest.ID)
				require.NoError(t, err)
				return len(tokens.seen())
			}
			require.Equal(t, 1, ask())
			time.Sleep(good - time.Second)
			require.Equal(t, 1, ask(), answer)
			time.Sleep(time.Second)
			require.Equal(t, 2, ask(), answer)
		})
	}
}

func TestTokenThatIsRefusedIsReplacedOnce(t *testing.T) {
	t.Parallel()
	tokens := script(fetchtest.Replies(200, `{"accessToken":"T1"}`), fetchtest.Replies(200, `{"accessToken":"T2"}`))
	jobs := script(fetchtest.Replies(404, "{}"), fetchtest.Replies(401, ""), fetchtest.Replies(404, "{}"))
	client := offline(t, tokenAPI(tokens.RoundTrip, jobs.RoundTrip), nil, clientCredentials)
	for range 2 {
		_, err := client.Poll(t.Context(), fetchtest.ID)
		require.NoError(t, err)
	}
	require.Equal(t, "Bearer T2", jobs.seen()[2].Header.Get("Authorization"))
	require.Len(t, tokens.seen(), 2)

	jobs = script(fetchtest.Replies(401, ""))
	client = offline(t, tokenAPI(tokens.RoundTrip, jobs.RoundTrip), nil, clientCredentials)
	_, err := client.Poll(t.Context(), fetchtest.ID)
	require.True(t, job.IsRefused(err))
	require.ErrorContains(t, err, "NITRO_CLIENT_ID")
	require.ErrorContains(t, err, "NITRO_CLIENT_SECRET")
}

func TestTokenEndpointThatRefuses(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 401, 403} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			api := tokenAPI(fetchtest.Replies(code, `{"error":"invalid_client","error_description":"no client with secret hunter2, see https://h/?signature=1"}`), nil)
			_, err := offline(t, api, nil, clientCredentials).Poll(t.Context(), fetchtest.ID)
			require.True(t, job.IsRefused(err))
			require.ErrorContains(t, err, "invalid_client: no client with secret [redacted], see https://h/)")
			require.ErrorContains(t, err, "NITRO_CLIENT_SECRET")
			fetchtest.RequireNoSecret(t, err)
		})
	}
	_, err := offline(t, tokenAPI(fetchtest.Replies(401, `{"title":"Unauthorized","detail":"wrong"}`), nil), nil, clientCredentials).Poll(t.Context(), fetchtest.ID)
	require.ErrorContains(t, err, "(Unauthorized: wrong)")
	_, err = offline(t, tokenAPI(fetchtest.Replies(403, `<html>`), nil), nil, clientCredentials).Poll(t.Context(), fetchtest.ID)
	require.True(t, job.IsRefused(err))
}

func TestTokenEndpointInTrouble(t *testing.T) {
	t.Parallel()
	for _, code := range []int{408, 429, 500, 503} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			api := tokenAPI(fetchtest.Replies(code, "", "Retry-After", "4"), nil)
			err := second(offline(t, api, nil, clientCredentials).Poll(t.Context(), fetchtest.ID))
			require.True(t, job.IsRefused(err), "no job can be asked about: polling pauses, and charges none")
			require.ErrorContains(t, err, fmt.Sprintf("the API's token endpoint answers %d", code))
		})
	}
	for _, body := range []string{``, `<html>`, `{}`, `[]`, `{"accessToken":""}`, `{"accessToken":7}`, `{"accessToken":"a\nb"}`, `{"accessToken":"x"`} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			err := second(offline(t, tokenAPI(fetchtest.Replies(200, body, "Content-Type", "text/html"), nil), nil, clientCredentials).Poll(t.Context(), fetchtest.ID))
			require.True(t, job.IsRefused(err), "no job can be asked about: polling pauses, and charges none")
			require.ErrorContains(t, err, `answers 200 as "text/html" without a usable access token`)
		})
	}
	for _, code := range []int{302, 404} {
		err := second(offline(t, tokenAPI(fetchtest.Replies(code, ""), nil), nil, clientCredentials).Poll(t.Context(), fetchtest.ID))
		require.True(t, job.IsRefused(err))
		require.ErrorContains(t, err, "check NITRO_API_URL")
	}
	require.ErrorContains(t, second(offline(t, breaks(errors.New("no route")), nil, clientCredentials).Poll(t.Context(), fetchtest.ID)), "no route")
	cut := func(*http.Request) (*http.Response, error) {
		return fetchtest.Respond(200, &part{data: strings.NewReader(`{"accessToken"`), end: io.ErrUnexpectedEOF}), nil
	}
	require.True(t, job.IsRefused(second(offline(t, cut, nil, clientCredentials).Poll(t.Context(), fetchtest.ID))))

	gone := func(c *Config) {
		clientCredentials(c)
		c.ClientSecret = &fading{good: 1}
	}
	require.True(t, job.IsRefused(second(offline(t, cut, nil, gone).Poll(t.Context(), fetchtest.ID))))
}

func write(t testing.TB, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func second[T any](_ T, err error) error { return err }

func TestTokenSecretIsReadForEachFetch(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/secret"
	write(t, path, "first")
	tokens := script(fetchtest.Replies(401, ""), fetchtest.Replies(200, `{"accessToken":"T"}`))
	client := offline(t, tokenAPI(tokens.RoundTrip, fetchtest.Replies(404, "{}")), nil, func(c *Config) {
		clientCredentials(c)
		c.ClientSecret = auth.FileCredential(path)
	})
	require.True(t, job.IsRefused(second(client.Poll(t.Context(), fetchtest.ID))))
	write(t, path, "other")
	require.Eventually(t, func() bool { return second(client.Poll(t.Context(), fetchtest.ID)) == nil }, 20*time.Second, 50*time.Millisecond, "a refused fetch is made again after a second")
	require.Len(t, tokens.seen(), 2)
	body, err := io.ReadAll(tokens.seen()[1].Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "other")
}
