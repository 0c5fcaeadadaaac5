package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// clientCredentials makes a client ask for its tokens.
func clientCredentials(c *Config) {
	c.Token = nil
	c.ClientID = "id"
	c.ClientSecret = FixedCredential(secret.New("hunter2"))
}

// tokenAPI is an API with a token endpoint of its own.
func tokenAPI(token, jobs transport) transport {
	return func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/oauth/token" {
			return token(req)
		}
		return jobs(req)
	}
}

func TestTokenByClientCredentials(t *testing.T) {
	t.Parallel()
	tokens := script(replies(200, `{"accessToken":"T1","tokenType":"Bearer","expiresIn":86400}`))
	jobs := script(replies(404, ""))
	client := offline(t, tokenAPI(tokens.RoundTrip, jobs.RoundTrip), nil, clientCredentials)
	for range 3 {
		_, err := client.Poll(t.Context(), testID)
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
		`{"accessToken":"T"}`:                            unknownLife - unknownLife/10,
		`{"accessToken":"T","expiresIn":-1}`:             unknownLife - unknownLife/10,
		`{"accessToken":"T","expiresIn":"soon"}`:         unknownLife - unknownLife/10,
		`{"access_token":"T","expires_in":1e300}`:        365*24*time.Hour - time.Minute,
		`{"access_token":"T","expires_in":600.5,"x":[]}`: 540*time.Second + 500*time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			tokens := script(replies(200, answer))
			client := offline(t, tokenAPI(tokens.RoundTrip, replies(404, "")), nil, clientCredentials)
			ask := func() int {
				_, err := client.Poll(t.Context(), testID)
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
	tokens := script(replies(200, `{"accessToken":"T1"}`), replies(200, `{"accessToken":"T2"}`))
	jobs := script(replies(404, ""), replies(401, ""), replies(404, ""))
	client := offline(t, tokenAPI(tokens.RoundTrip, jobs.RoundTrip), nil, clientCredentials)
	for range 2 {
		_, err := client.Poll(t.Context(), testID)
		require.NoError(t, err)
	}
	require.Equal(t, "Bearer T2", jobs.seen()[2].Header.Get("Authorization"))
	require.Len(t, tokens.seen(), 2)

	jobs = script(replies(401, ""))
	client = offline(t, tokenAPI(tokens.RoundTrip, jobs.RoundTrip), nil, clientCredentials)
	_, err := client.Poll(t.Context(), testID)
	require.True(t, job.IsRefused(err))
	require.ErrorContains(t, err, "NITRO_CLIENT_ID")
	require.ErrorContains(t, err, "NITRO_CLIENT_SECRET")
}

func TestTokenEndpointThatRefuses(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 401, 403} {
		api := tokenAPI(replies(code, `{"error":"invalid_client","error_description":"no client with secret hunter2, see https://h/?signature=1"}`), nil)
		_, err := offline(t, api, nil, clientCredentials).Poll(t.Context(), testID)
		require.True(t, job.IsRefused(err))
		require.ErrorContains(t, err, "invalid_client: no client with secret [redacted], see https://h/)")
		require.ErrorContains(t, err, "NITRO_CLIENT_SECRET")
		requireNoSecret(t, err)
	}
	_, err := offline(t, tokenAPI(replies(401, `{"title":"Unauthorized","detail":"wrong"}`), nil), nil, clientCredentials).Poll(t.Context(), testID)
	require.ErrorContains(t, err, "(Unauthorized: wrong)")
	_, err = offline(t, tokenAPI(replies(403, `<html>`), nil), nil, clientCredentials).Poll(t.Context(), testID)
	require.True(t, job.IsRefused(err))
}

func TestTokenEndpointInTrouble(t *testing.T) {
	t.Parallel()
	for _, code := range []int{302, 404, 408, 429, 500, 503} {
		api := tokenAPI(replies(code, "", "Retry-After", "4"), nil)
		waits := requireUnavailable(t, second(offline(t, api, nil, clientCredentials).Poll(t.Context(), testID)))
		require.Equal(t, 4*time.Second, waits.RetryAfter)
		require.Equal(t, code == 429, waits.Class == job.ClassThrottled)
	}
	for _, body := range []string{``, `<html>`, `{}`, `[]`, `{"accessToken":""}`, `{"accessToken":7}`, `{"accessToken":"a\nb"}`, `{"accessToken":"x"`} {
		requireUnavailable(t, second(offline(t, tokenAPI(replies(200, body), nil), nil, clientCredentials).Poll(t.Context(), testID)))
	}
	requireUnavailable(t, second(offline(t, breaks(errors.New("no route")), nil, clientCredentials).Poll(t.Context(), testID)))
	cut := func(*http.Request) (*http.Response, error) {
		return respond(200, &part{data: strings.NewReader(`{"accessToken"`), end: io.ErrUnexpectedEOF}), nil
	}
	requireUnavailable(t, second(offline(t, cut, nil, clientCredentials).Poll(t.Context(), testID)))

	gone := func(c *Config) {
		clientCredentials(c)
		c.ClientSecret = &fading{good: 1}
	}
	require.True(t, job.IsRefused(second(offline(t, cut, nil, gone).Poll(t.Context(), testID))))
}

func second[T any](_ T, err error) error { return err }

func TestTokenSecretIsReadForEachFetch(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/secret"
	write(t, path, "first")
	tokens := script(replies(401, ""), replies(200, `{"accessToken":"T"}`))
	client := offline(t, tokenAPI(tokens.RoundTrip, replies(404, "")), nil, func(c *Config) {
		clientCredentials(c)
		c.ClientSecret = FileCredential(path)
	})
	require.True(t, job.IsRefused(second(client.Poll(t.Context(), testID))))
	write(t, path, "other")
	require.NoError(t, second(client.Poll(t.Context(), testID)))
	body, err := io.ReadAll(tokens.seen()[1].Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "other")
}

// A hundred pollers without a token ask for one, and share what comes of it.
func TestTokenIsFetchedByOneAtATime(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for _, want := range []error{nil, down} {
		synctest.Test(t, func(t *testing.T) {
			fetches := 0
			tokens := newCachedTokens(func(context.Context) (secret.String, time.Duration, error) {
				fetches++
				time.Sleep(time.Second)
				return secret.New("T"), time.Hour, want
			})
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					_, err := tokens.get(t.Context())
					require.ErrorIs(t, err, want)
				})
			}
			all.Wait()
			require.Equal(t, 1, fetches)
			_, err := tokens.renew(t.Context(), secret.New("another"))
			require.ErrorIs(t, err, want)
			require.Equal(t, want != nil, fetches == 2, "an error is not kept, a token is")
		})
	}
}

func TestTokenWaitersRespectTheirOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("stop")
		fetches := 0
		tokens := newCachedTokens(func(ctx context.Context) (secret.String, time.Duration, error) {
			fetches++
			select {
			case <-ctx.Done():
				return secret.String{}, 0, ctx.Err()
			case <-time.After(time.Minute):
				return secret.New("T"), time.Hour, nil
			}
		})
		first, cancelFirst := context.WithCancelCause(t.Context())
		second, cancelSecond := context.WithCancelCause(t.Context())
		errs := make(chan error, 2)
		go func() { errs <- secondOf(tokens.get(first)) }()
		synctest.Wait()
		go func() { errs <- secondOf(tokens.get(second)) }()
		patient := make(chan secret.String, 1)
		go func() {
			token, _ := tokens.get(t.Context())
			patient <- token
		}()
		synctest.Wait()

		cancelSecond(stop)
		require.ErrorIs(t, <-errs, stop, "a waiter that gives up does not wait for the fetch")
		cancelFirst(stop)
		require.ErrorIs(t, <-errs, context.Canceled)
		require.Equal(t, secret.New("T"), <-patient, "nor does it take the others with it")
		require.Equal(t, 2, fetches)
	})
}

func secondOf(_ secret.String, err error) error { return err }
