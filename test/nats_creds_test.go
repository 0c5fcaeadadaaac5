package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

// operator is decentralised authentication: the broker knows the operator's
// public key alone, and takes every user that an account of it has signed.
type operator struct {
	t         *testing.T
	account   nkeys.KeyPair
	conf      string
	userSeeds []string
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	operatorKey, err := nkeys.CreateOperator()
	require.NoError(t, err)
	o := &operator{t: t}
	o.account, err = nkeys.CreateAccount()
	require.NoError(t, err)
	claims := jwt.NewOperatorClaims(publicKey(t, operatorKey))
	operatorJWT, err := claims.Encode(operatorKey)
	require.NoError(t, err)
	system, err := nkeys.CreateAccount()
	require.NoError(t, err)
	o.conf = fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: { %s: %s, %s: %s }\n",
		operatorJWT, publicKey(t, system),
		publicKey(t, system), accountJWT(t, system, operatorKey, jwt.JetStreamLimits{}),
		publicKey(t, o.account), accountJWT(t, o.account, operatorKey, jwt.JetStreamLimits{
			MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit,
		}))
	return o
}

func accountJWT(t *testing.T, account, operator nkeys.KeyPair, limits jwt.JetStreamLimits) string {
	t.Helper()
	claims := jwt.NewAccountClaims(publicKey(t, account))
	claims.Limits.JetStreamLimits = limits
	signed, err := claims.Encode(operator)
	require.NoError(t, err)
	return signed
}

func publicKey(t *testing.T, pair nkeys.KeyPair) string {
	t.Helper()
	public, err := pair.PublicKey()
	require.NoError(t, err)
	return public
}

// user returns a credentials file's content for a new user of the account,
// good until then; the zero time is for ever.
func (o *operator) user(until time.Time) string {
	o.t.Helper()
	pair, err := nkeys.CreateUser()
	require.NoError(o.t, err)
	claims := jwt.NewUserClaims(publicKey(o.t, pair))
	if !until.IsZero() {
		claims.Expires = until.Unix()
	}
	signed, err := claims.Encode(o.account)
	require.NoError(o.t, err)
	seed, err := pair.Seed()
	require.NoError(o.t, err)
	content, err := jwt.FormatUserConfig(signed, seed)
	require.NoError(o.t, err)
	o.userSeeds = append(o.userSeeds, string(seed))
	return string(content)
}

func TestNATSWithACredentialsFile(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	w := secureWorld(t, configured(t, o.conf), nats.UserCredentials(fileWith(t, o.user(time.Time{}))))
	w.carries(map[string]string{"NATS_CREDS": fileWith(t, o.user(time.Time{}))}, o.userSeeds...)

	stranger := newOperator(t)
	file := fileWith(t, stranger.user(time.Time{}))
	p := w.keepsWaiting(map[string]string{"NATS_CREDS": file}, "Authorization Violation; check the credentials", stranger.userSeeds...)
	require.NoError(t, os.WriteFile(file, []byte(o.user(time.Time{})), 0o600))
	p.ready()
	p.keeps(append(o.userSeeds, stranger.userSeeds...)...)
}

// Whoever hands out short-lived credentials replaces the file before they run
// out, and the broker cuts the connection when they do.
func TestCredentialsThatWereRenewedAreUsedAtTheNextReconnect(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	w := secureWorld(t, configured(t, o.conf), nats.UserCredentials(fileWith(t, o.user(time.Time{}))))
	file := fileWith(t, o.user(time.Now().Add(4*time.Second)))
	p := w.start(map[string]string{"NATS_CREDS": file})
	p.ready()
	require.NoError(t, os.WriteFile(file, []byte(o.user(time.Now().Add(8*time.Second))), 0o600))
	w.eventually("the broker does not cut the connection", func() bool { return connects(p) > 1 })
	p.ready()
	w.add(simulator.Job{ID: "renewed"})
	w.check(simulator.Job{ID: "renewed"})

	// Nobody renews them now.
	w.eventually("the readiness does not tell", func() bool {
		_, body := get(t, p.url()+"/readyz")
		return strings.Contains(body, "nats: not connected: ") && strings.Contains(body, "check the credentials")
	})
	require.NoError(t, os.WriteFile(file, []byte(o.user(time.Time{})), 0o600))
	p.ready()
	w.add(simulator.Job{ID: "late"})
	w.check(simulator.Job{ID: "late"})
	p.keeps(o.userSeeds...)
}

// connects counts how often a worker has got a connection.
func connects(p *process) int { return strings.Count(p.out.String(), "connected to nats") }
