package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/fetch/answer"
	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
	"go.uber.org/zap"
)

// What a token's expiresIn may be. The API's pages say both seconds and
// milliseconds, and no token is good for more than a year.
const (
	longestLifeSeconds = 365 * 24 * 3600
	unknownLife        = 5 * time.Minute // a 401 renews it anyway
)

// maxSaid is how much of the endpoint's own words an error repeats, in bytes.
const maxSaid = 1024

// maxType is how much of the endpoint's content type an error repeats, in bytes.
const maxType = 100

// Post sends a JSON document to the token endpoint. It must end by limits of its
// own.
type Post func(ctx context.Context, body []byte) (*watchdog.Response, error)

// ClientCredentials returns tokens that are granted for client credentials
// (NITRO_CLIENT_ID, NITRO_CLIENT_SECRET).
func ClientCredentials(id string, credential Credential, post Post, log *zap.Logger) Tokens {
	c := &client{id: id, credential: credential, post: post}
	return &cachedTokens{fetch: c.fetchToken, log: log}
}

type client struct {
	id         string
	credential Credential
	post       Post
}

// grant is the answer of POST /oauth/token, in the spelling of the API's pages
// and in that of RFC 6749, and as a problem document. encoding/json ignores the
// case of names.
type grant struct {
	AccessToken      string          `json:"accessToken"`
	AccessTokenSnake string          `json:"access_token"`
	ExpiresIn        json.RawMessage `json:"expiresIn"`
	ExpiresInSnake   json.RawMessage `json:"expires_in"`
	Error            json.RawMessage `json:"error"`
	ErrorDescription json.RawMessage `json:"error_description"`
	Title            json.RawMessage `json:"title"`
	Detail           json.RawMessage `json:"detail"`
}

// fetchToken asks for a token and returns it with how long it is good.
func (c *client) fetchToken(ctx context.Context) (secret.String, time.Duration, error) {
	clientSecret, err := c.credential.Reread()
	if err != nil {
		return secret.String{}, 0, refused(fmt.Errorf("NITRO_CLIENT_SECRET cannot be read: %w", err))
	}
	body, err := json.Marshal(map[string]string{"clientID": c.id, "clientSecret": clientSecret.Reveal()})
	if err != nil {
		return secret.String{}, 0, refused(errors.New("NITRO_CLIENT_ID or NITRO_CLIENT_SECRET cannot be put into JSON"))
	}
	resp, err := c.post(ctx, body)
	if err != nil {
		return secret.String{}, 0, answer.During("ask for a token", err)
	}
	defer resp.Drain()
	raw, err := resp.ReadPrefix(answer.MaxProblem)
	if err != nil {
		return secret.String{}, 0, answer.During("read the token", err)
	}
	var g grant
	jsonErr := json.Unmarshal(raw, &g)
	if resp.StatusCode/100 != 2 {
		return secret.String{}, 0, refusedGrant(resp, raw, g.said(clientSecret))
	}
	token, err := checkCredential(cmp.Or(g.AccessToken, g.AccessTokenSnake))
	if jsonErr != nil || err != nil { // a log-in page, most likely: no job can be asked about
		return secret.String{}, 0, refused(fmt.Errorf("the API's token endpoint answers %d as %q without a usable access token%s; check NITRO_API_URL and NITRO_CLIENT_ID",
			resp.StatusCode, secret.Printable(resp.Header.Get("Content-Type"), maxType), g.said(clientSecret)))
	}
	return token, g.lifetime(), nil
}

// refusedGrant tells bad credentials, which only the operator can mend, from an
// endpoint that is not available.
func refusedGrant(resp *watchdog.Response, body []byte, said string) error {
	if code := resp.StatusCode; code/100 == 3 || code == http.StatusNotFound {
		return refused(fmt.Errorf("the API's token endpoint answers %d%s; check NITRO_API_URL", code, said))
	}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		if !answer.IsObject(body) { // a firewall's, or http:// where the port speaks TLS
			return refused(fmt.Errorf("the API's token endpoint answers %d without JSON, which is not the API's own answer; is NITRO_API_URL right, and what stands between", resp.StatusCode))
		}
		return refused(fmt.Errorf("the API's token endpoint refuses the credentials with %d%s; check NITRO_CLIENT_ID and NITRO_CLIENT_SECRET", resp.StatusCode, said))
	}
	return &job.Error{
		Class: answer.ClassOf(resp.StatusCode), By: job.API,
		Err:        fmt.Errorf("the API's token endpoint answers %d%s", resp.StatusCode, said),
		RetryAfter: answer.RetryAfter(resp.Header, body),
	}
}

// said is what a refusal says, in parentheses and without the client's secret.
func (g grant) said(clientSecret secret.String) string {
	said := cmp.Or(text(g.Error), text(g.Title))
	if detail := cmp.Or(text(g.ErrorDescription), text(g.Detail)); detail != "" {
		said = strings.TrimPrefix(said+": "+detail, ": ")
	}
	said = strings.ReplaceAll(said, clientSecret.Reveal(), clientSecret.String())
	if said = secret.Printable(said, maxSaid); said != "" {
		said = " (" + said + ")"
	}
	return said
}

// text returns the value of a JSON string, and nothing for anything else.
func text(raw json.RawMessage) string {
	s, _ := jsonstream.Unquote(raw)
	return s
}

// lifetime reads expiresIn: a number, or a number in a string.
func (g grant) lifetime() time.Duration {
	raw := g.ExpiresIn
	if raw == nil {
		raw = g.ExpiresInSnake
	}
	var n json.Number
	if json.Unmarshal(raw, &n) != nil {
		return unknownLife
	}
	life, err := n.Float64()
	if err != nil || life <= 0 {
		return unknownLife
	}
	if life > longestLifeSeconds {
		life /= 1000
	}
	return time.Duration(min(life, longestLifeSeconds) * float64(time.Second))
}
