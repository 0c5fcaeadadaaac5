package simulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/simulator"
)

func TestTokenIsTaken(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{ClientID: "me", ClientSecret: "mine"})
	c.Add(simulator.Job{ID: "a"})
	got := c.fetchToken("me", "mine").object(t)
	require.Equal(t, "Bearer", got["tokenType"])
	require.EqualValues(t, 24*60*60, got["expiresIn"])
	c.token = got["accessToken"].(string)
	require.Equal(t, 200, c.poll("a").status)
}

func TestTokenIsRefused(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{ClientID: "me", ClientSecret: "mine"})
	for _, pair := range [][2]string{{"me", "wrong"}, {"you", "mine"}, {"", ""}} {
		got := c.fetchToken(pair[0], pair[1])
		require.Equal(t, http.StatusUnauthorized, got.status)
		require.Equal(t, "invalid_client", got.object(t)["error"])
	}
	got, err := c.try(http.MethodPost, c.APIURL()+"/oauth/token", strings.NewReader("clientID=me"))
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, got.status)
	require.Equal(t, "invalid_request", got.object(t)["error"])
}

func TestBadBearers(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(simulator.Job{ID: "a"})
	for _, header := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + fixedToken, fixedToken} {
		got := c.get(c.APIURL()+"/jobs/a", "Authorization", header)
		require.Equal(t, http.StatusUnauthorized, got.status, header)
		require.Equal(t, "Bearer", got.header.Get("WWW-Authenticate"))
	}
	require.Equal(t, 200, c.poll("a").status)
}

// Without a fixed token no header without a token may pass for it.
func TestNoFixedToken(t *testing.T) {
	t.Parallel()
	server, err := simulator.Start(simulator.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	c := &client{Server: server, t: t, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	require.Equal(t, http.StatusUnauthorized, c.poll("a").status)
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := start(t, simulator.Options{Now: clock.now, TokenLife: time.Minute})
	c.Add(simulator.Job{ID: "a"})
	fresh := func() { c.token = c.fetchToken("simulator", "simulated").object(t)["accessToken"].(string) }
	fresh()
	clock.advance(59 * time.Second)
	require.Equal(t, 200, c.poll("a").status)
	clock.advance(time.Second)
	require.Equal(t, 401, c.poll("a").status)
	fresh()
	require.Equal(t, 200, c.poll("a").status)
	c.RevokeTokens()
	require.Equal(t, 401, c.poll("a").status)
}

func TestTokenShapes(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{TokenLife: time.Minute})
	c.SetConditions(simulator.Conditions{SnakeCase: true})
	got := c.fetchToken("simulator", "simulated").object(t)
	require.EqualValues(t, 60, got["expires_in"])
	require.NotEmpty(t, got["access_token"])
	c.SetConditions(simulator.Conditions{Milliseconds: true})
	require.EqualValues(t, 60_000, c.fetchToken("simulator", "simulated").object(t)["expiresIn"])
}
