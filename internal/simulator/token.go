package simulator

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// tokens are the bearer tokens that are good at present.
type tokens struct {
	fixed string
	life  time.Duration
	now   func() time.Time

	mu     sync.Mutex
	issued map[string]time.Time // until when it is good
}

func newTokens(o Options) *tokens {
	return &tokens{fixed: o.Token, life: o.TokenLife, now: o.Now, issued: map[string]time.Time{}}
}

func (t *tokens) issue() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	token := "sim_" + rand.Text()
	t.issued[token] = t.now().Add(t.life)
	return token
}

func (t *tokens) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.issued)
}

// accepts reports whether a request carries a good token.
func (t *tokens) accepts(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return false
	}
	if token == t.fixed {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	until, ok := t.issued[token]
	return ok && t.now().Before(until)
}

// credentials are the body of a request for a token.
type credentials struct {
	ClientID     string `json:"clientID"`
	ClientSecret string `json:"clientSecret"`
}

// oauthError is an error of the token endpoint (RFC 6749, section 5.2).
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// maxCredentials is the longest request for a token that is read, in bytes.
const maxCredentials = 64 << 10

// tokenAnswer is what the token endpoint says.
func (s *Server) tokenAnswer(r *http.Request) answer {
	var given credentials
	if err := json.NewDecoder(io.LimitReader(r.Body, maxCredentials)).Decode(&given); err != nil {
		return answerJSON(http.StatusBadRequest, oauthError{"invalid_request", "the body is not a JSON object"})
	}
	if given.ClientID != s.options.ClientID || given.ClientSecret != s.options.ClientSecret {
		return answerJSON(http.StatusUnauthorized, oauthError{"invalid_client", "client authentication failed"})
	}
	now := s.conditions.get()
	life := int64(seconds(s.options.TokenLife))
	if now.Milliseconds {
		life = s.options.TokenLife.Milliseconds()
	}
	if now.OneToken {
		s.tokens.revoke()
	}
	token := s.tokens.issue()
	if now.SnakeCase {
		return answerJSON(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": life})
	}
	return answerJSON(http.StatusOK, map[string]any{"accessToken": token, "tokenType": "Bearer", "expiresIn": life})
}
