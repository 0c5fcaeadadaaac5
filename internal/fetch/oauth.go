package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
)

// What a token's expiresIn may be. The API's pages say both seconds and
// milliseconds, and a token of more than a year is not to be had.
const (
	longestLifeSeconds = 365 * 24 * 3600
	unknownLife        = 5 * time.Minute // a 401 renews it anyway
)

// grant is the answer of POST /oauth/token, in the spelling of the API's pages
// and in that of RFC 6749. encoding/json ignores the case of names.
type grant struct {
	AccessToken      string          `json:"accessToken"`
	AccessTokenSnake string          `json:"access_token"`
	ExpiresIn        json.RawMessage `json:"expiresIn"`
	ExpiresInSnake   json.RawMessage `json:"expires_in"`
	Error            json.RawMessage `json:"error"`
	ErrorDescription json.RawMessage `json:"error_description"`
}

// fetchToken asks for a token by client credentials and returns it with how
// long it is good.
func (c *Client) fetchToken(ctx context.Context) (secret.String, time.Duration, error) {
	clientSecret, err := c.cfg.ClientSecret.Reread()
	if err != nil {
		return secret.String{}, 0, &job.Error{Class: job.ClassRefused, By: job.API, Err: fmt.Errorf("NITRO_CLIENT_SECRET cannot be read: %w", err)}
	}
	body, err := json.Marshal(map[string]string{"clientID": c.cfg.ClientID, "clientSecret": clientSecret.Reveal()})
	if err != nil {
		return secret.String{}, 0, &job.Error{Class: job.ClassRefused, By: job.API, Err: errors.New("NITRO_CLIENT_ID or NITRO_CLIENT_SECRET cannot be put into JSON")}
	}
	header := http.Header{"Content-Type": {"application/json"}}
	r, err := c.send(ctx, endpointToken, http.MethodPost, header, body, "oauth", "token")
	if err != nil {
		return secret.String{}, 0, during("ask for a token", err)
	}
	defer r.drain()
	raw, err := r.head(problemLimit)
	if err != nil {
		return secret.String{}, 0, during("read the token", err)
	}
	var g grant
	jsonErr := json.Unmarshal(raw, &g)
	if r.StatusCode/100 != 2 {
		return secret.String{}, 0, refusedGrant(r, g, parseDocument(raw), clientSecret)
	}
	token, err := checkCredential(orDefaultString(g.AccessToken, g.AccessTokenSnake))
	if jsonErr != nil || err != nil {
		return secret.String{}, 0, &job.Error{By: job.API, Err: errors.New("the API's token endpoint answers without a usable access token")}
	}
	return token, lifetime(g), nil
}

// orDefaultString returns the first that is not empty.
func orDefaultString(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// refusedGrant tells bad credentials, which only the operator can mend, from
// an endpoint in trouble.
func refusedGrant(r *response, g grant, d document, clientSecret secret.String) error {
	said := orDefaultString(text(g.Error), text(d.Title))
	if detail := orDefaultString(text(g.ErrorDescription), text(d.Detail)); detail != "" {
		said = strings.TrimPrefix(said+": "+detail, ": ")
	}
	said = strings.ReplaceAll(said, clientSecret.Reveal(), clientSecret.String())
	if said = printable(said, fieldLimit); said != "" {
		said = " (" + said + ")"
	}
	switch r.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return &job.Error{Class: job.ClassRefused, By: job.API, Err: fmt.Errorf("the API's token endpoint refuses the credentials with %d%s; check NITRO_CLIENT_ID and NITRO_CLIENT_SECRET", r.StatusCode, said)}
	}
	return &job.Error{
		Class: classOf(r.StatusCode), By: job.API,
		Err:        fmt.Errorf("the API's token endpoint answers %d%s", r.StatusCode, said),
		RetryAfter: retryAfter(r.Header, d.Extensions, time.Now()),
	}
}

// lifetime reads expiresIn: a number, or a number in a string.
func lifetime(g grant) time.Duration {
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
