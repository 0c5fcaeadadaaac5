package simulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/simulator"
)

// client speaks to a server of its own, with a token.
type client struct {
	*simulator.Server
	t     *testing.T
	http  *http.Client
	token string
}

const fixedToken = "fixed"

func start(t *testing.T, options simulator.Options) *client {
	t.Helper()
	options.Token = fixedToken
	options.ValidateAnswers = true
	server, err := simulator.Start(options)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		require.NoError(t, server.Close())
		require.Empty(t, server.Record().Violations, "answers that the documents do not allow")
	})
	return &client{Server: server, t: t, http: &http.Client{Transport: transport}, token: fixedToken}
}

// reply is an answer read to its end.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	request *http.Request
	err     error // of reading the body
}

func (r reply) object(t *testing.T) map[string]any {
	t.Helper()
	var object map[string]any
	require.NoError(t, json.Unmarshal(r.body, &object), "%s", r.body)
	return object
}

// try sends a request; headers are pairs of name and value.
func (c *client) try(method, url string, body io.Reader, headers ...string) (reply, error) {
	request, err := http.NewRequestWithContext(c.t.Context(), method, url, body)
	require.NoError(c.t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	got := reply{status: response.StatusCode, header: response.Header, request: request}
	got.body, got.err = io.ReadAll(response.Body)
	return got, nil
}

func (c *client) get(url string, headers ...string) reply {
	c.t.Helper()
	got, err := c.try(http.MethodGet, url, nil, headers...)
	require.NoError(c.t, err)
	return got
}

func (c *client) poll(id string) reply {
	c.t.Helper()
	return c.get(c.APIURL()+"/jobs/"+id, "Authorization", "Bearer "+c.token, "Accept", "application/json")
}

func (c *client) status(id string) reply {
	c.t.Helper()
	return c.get(c.APIURL()+"/jobs/"+id+"/status", "Authorization", "Bearer "+c.token)
}

func (c *client) fetchToken(id, secret string) reply {
	c.t.Helper()
	body, err := json.Marshal(map[string]string{"clientID": id, "clientSecret": secret})
	require.NoError(c.t, err)
	got, err := c.try(http.MethodPost, c.APIURL()+"/oauth/token", bytes.NewReader(body), "Content-Type", "application/json")
	require.NoError(c.t, err)
	return got
}

// bytesOf reads a content whole.
func bytesOf(t *testing.T, content simulator.Content) []byte {
	t.Helper()
	all, err := io.ReadAll(simulator.Open(content))
	require.NoError(t, err)
	return all
}
