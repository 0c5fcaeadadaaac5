package config

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/nats-io/nkeys"
)

// The files that a client of NATS signs in with. What is wrong with one would
// show only when the broker refuses it, and not as what it is.
var (
	credsFile = parser[string]{"file", secretFileThat(fileHolding("user credentials, a JWT and a seed, such as nsc generate creds writes", areCredentials))}
	seedFile  = parser[string]{"file", secretFileThat(fileHolding("the nkey seed of a user, which begins with SU", isUserSeed))}
)

func areCredentials(content []byte) bool {
	token, err := nkeys.ParseDecoratedJWT(content)
	if err != nil || !isJWT(token) {
		return false
	}
	key, err := nkeys.ParseDecoratedNKey(content)
	if err != nil {
		return false
	}
	key.Wipe()
	return true
}

func isUserSeed(content []byte) bool {
	key, err := nkeys.ParseDecoratedUserNKey(content)
	if err != nil {
		return false
	}
	key.Wipe()
	return true
}

// isJWT looks at the form alone: whose word the token is, and until when, is
// for the broker to judge.
func isJWT(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	return err == nil && json.Valid(claims)
}
