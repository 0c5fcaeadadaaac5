package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A hundred pollers without a token ask for one, and share what comes of it.
func TestTokenIsFetchedByOneAtATime(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for _, want := range []error{nil, down} {
		synctest.Test(t, func(t *testing.T) {
			fetches := 0
			tokens := &cachedTokens{fetch: func(context.Context) (secret.String, time.Duration, error) {
				fetches++
				time.Sleep(time.Second)
				return secret.New("T"), time.Hour, want
			}}
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					_, err := tokens.Get(t.Context())
					require.ErrorIs(t, err, want)
				})
			}
			all.Wait()
			require.Equal(t, 1, fetches)
			_, err := tokens.Renew(t.Context(), secret.New("another"))
			require.ErrorIs(t, err, want)
			require.Equal(t, 1, fetches, "an error is kept for a moment, a token for its life")
			time.Sleep(time.Second)
			_, err = tokens.Get(t.Context())
			require.ErrorIs(t, err, want)
			require.Equal(t, want != nil, fetches == 2)
		})
	}
}

// A caller that gives up does not wait for the fetch, and takes nobody with it.
func TestTokenWaitersRespectTheirOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("stop")
		fetches := 0
		tokens := &cachedTokens{fetch: func(ctx context.Context) (secret.String, time.Duration, error) {
			fetches++
			select {
			case <-ctx.Done():
				return secret.String{}, 0, ctx.Err()
			case <-time.After(time.Minute):
				return secret.New("T"), time.Hour, nil
			}
		}}
		first, cancelFirst := context.WithCancelCause(t.Context())
		second, cancelSecond := context.WithCancelCause(t.Context())
		errs := make(chan error, 2)
		get := func(ctx context.Context) {
			_, err := tokens.Get(ctx)
			errs <- err
		}
		go get(first)
		synctest.Wait()
		go get(second)
		patient := make(chan secret.String, 1)
		go func() {
			token, _ := tokens.Get(t.Context())
			patient <- token
		}()
		synctest.Wait()

		began := time.Now()
		cancelSecond(stop)
		require.ErrorIs(t, <-errs, stop)
		cancelFirst(stop)
		err := <-errs
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, stop)
		require.Zero(t, time.Since(began))
		require.Equal(t, secret.New("T"), <-patient)
		require.Equal(t, 1, fetches)
	})
}

// A fetch that every caller has given up still ends, and the next caller has its
// token.
func TestTokenIsKeptThoughEveryCallerGaveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetches := 0
		tokens := &cachedTokens{fetch: func(context.Context) (secret.String, time.Duration, error) {
			fetches++
			time.Sleep(time.Second)
			return secret.New("T"), time.Hour, nil
		}}
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := tokens.Get(hasty)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		token, err := tokens.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, secret.New("T"), token)
		require.Equal(t, 1, fetches)
	})
}

// A token that is good only after some time is tried again, and not thrown away for
// a younger one. One that was taken before is replaced at once.
func TestAFreshTokenThatIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetches := 0
		tokens := &cachedTokens{fetch: func(context.Context) (secret.String, time.Duration, error) {
			fetches++
			return secret.New(strconv.Itoa(fetches)), time.Hour, nil
		}}
		first, err := tokens.Get(t.Context())
		require.NoError(t, err)
		for range 8 {
			time.Sleep(20 * time.Second)
			same, err := tokens.Renew(t.Context(), first)
			require.NoError(t, err)
			require.Equal(t, first, same)
		}
		time.Sleep(20 * time.Second)
		second, err := tokens.Renew(t.Context(), first)
		require.NoError(t, err)
		require.NotEqual(t, first, second, "after three minutes it is not a matter of time")

		tokens.Accepted(first) // by an answer that was under way
		tokens.Accepted(second)
		time.Sleep(renewInterval)
		third, err := tokens.Renew(t.Context(), second)
		require.NoError(t, err)
		require.NotEqual(t, second, third)
		require.Equal(t, 3, fetches)
	})
}

// A token endpoint that is away is asked with backoff, however many jobs there are.
func TestAFailedFetchIsMadeAgainWithBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetches, down := 0, errors.New("down")
		tokens := &cachedTokens{fetch: func(context.Context) (secret.String, time.Duration, error) {
			fetches++
			return secret.New("T"), time.Hour, down
		}}
		for range 6000 { // ten minutes
			_, err := tokens.Get(t.Context())
			require.ErrorIs(t, err, down)
			time.Sleep(100 * time.Millisecond)
		}
		require.InDelta(t, 5+600/30, fetches, 2)
		down = nil
		time.Sleep(maxRetry)
		token, err := tokens.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, secret.New("T"), token)
	})
}

// A token endpoint that is away in a token's last minute costs nothing.
func TestATokenIsUsedToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetches, down := 0, error(nil)
		tokens := &cachedTokens{fetch: func(context.Context) (secret.String, time.Duration, error) {
			fetches++
			return secret.New("T"), time.Hour, down
		}}
		_, err := tokens.Get(t.Context())
		require.NoError(t, err)
		down = errors.New("down")
		time.Sleep(time.Hour - time.Minute)
		for range 60 {
			token, err := tokens.Get(t.Context())
			require.NoError(t, err)
			require.Equal(t, secret.New("T"), token)
			time.Sleep(time.Second)
		}
		require.Equal(t, 1+6, fetches, "one try in ten seconds")
		_, err = tokens.Get(t.Context())
		require.ErrorIs(t, err, down)
	})
}

// FuzzGrant: a token that is taken can stand in a header, and is good for some
// time; a refusal does not repeat the client's secret.
func FuzzGrant(f *testing.F) {
	for _, seed := range []string{
		`{"accessToken":"T1","tokenType":"Bearer","expiresIn":86400}`, `{"access_token":"T","expires_in":"3600"}`, `{"accessToken":"a\r\nX: y"}`, `{"accessToken":"","access_token":"x","expiresIn":-1}`, `{"expiresIn":1e400}`,
		`{"error":"invalid_client","error_description":"no hunter2hunter2"}`, `{"title":"hunter2hunter2"}`, `{"error":{"a":1}}`, ``, `[]`, `{"accessToken":"x","expiresIn":0.0000000001}`, `{"ACCESSTOKEN":"x"}`,
	} {
		f.Add([]byte(seed), 200)
		f.Add([]byte(seed), 401)
	}
	credential := secret.New("hunter2hunter2")
	f.Fuzz(func(t *testing.T, raw []byte, code int) {
		code = 100 + int(uint(code)%500)
		host := &http.Client{Transport: fetchtest.Replies(code, string(raw))}
		c := &client{id: "id", credential: FixedCredential(credential), post: func(ctx context.Context, body []byte) (*watchdog.Response, error) {
			return watchdog.Send(ctx, host, watchdog.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: "api.test"}, Body: body, OpenLimit: time.Minute, IdleLimit: time.Minute})
		}}
		token, life, err := c.fetchToken(t.Context())
		if err != nil {
			require.True(t, token.IsZero())
			require.NotContains(t, err.Error(), credential.Reveal())
			require.Less(t, len(err.Error()), maxSaid+300)
			return
		}
		require.Equal(t, 2, code/100)
		require.Regexp(t, `^[ -~]+$`, token.Reveal())
		require.LessOrEqual(t, life, longestLifeSeconds*time.Second)
		require.GreaterOrEqual(t, life-margin(life), time.Duration(0))
	})
}

// Two processes with one client end each other's tokens. One that is refused to a
// single job, or whose time is over, is no sign of that.
func TestTokensThatEndBeforeTheirTimeAreWarnedOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		fetches := 0
		tokens := &cachedTokens{log: zap.New(core), fetch: func(context.Context) (secret.String, time.Duration, error) {
			fetches++
			return secret.New(strconv.Itoa(fetches)), time.Hour, nil
		}}
		use := func() secret.String {
			token, err := tokens.Get(t.Context())
			require.NoError(t, err)
			tokens.Accepted(token)
			return token
		}
		end := func(token secret.String, replaced bool) {
			fresh, err := tokens.Renew(t.Context(), token)
			require.NoError(t, err)
			require.False(t, fresh.Equal(token))
			if replaced {
				tokens.Replaced(token)
				tokens.Replaced(token) // by another poll that was under way
			}
			tokens.Accepted(fresh)
			time.Sleep(renewInterval)
		}
		end(use(), false) // one job's refusal
		end(use(), true)
		time.Sleep(time.Hour)
		end(use(), true)
		require.Zero(t, logs.Len(), "each was the first in a row")
		end(use(), true)
		require.Equal(t, 1, logs.Len())
		require.Contains(t, logs.All()[0].Message, "another process may use the same NITRO_CLIENT_ID")
		end(use(), true)
		require.Equal(t, 1, logs.Len(), "at the 2nd, 4th, 8th time")
	})
}

func TestNoJobIsChargedForATokenThatCannotBeHad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetches := 0
		tokens := &cachedTokens{fetch: func(context.Context) (secret.String, time.Duration, error) {
			fetches++
			return secret.String{}, 0, &job.Error{By: job.API, RetryAfter: time.Minute, Err: errors.New("answers 503")}
		}}
		for range 59 {
			_, err := tokens.Get(t.Context())
			require.True(t, job.IsRefused(err), "it is about every job")
			time.Sleep(time.Second)
		}
		require.Equal(t, 1, fetches, "the endpoint asks for a minute")
		time.Sleep(time.Second)
		_, err := tokens.Get(t.Context())
		require.ErrorContains(t, err, "answers 503")
		require.Equal(t, 2, fetches)
	})
}
