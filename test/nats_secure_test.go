package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

// natsPassword is a secret of these tests that nothing may show.
const natsPassword = "a-password-that-no-log-may-show"

// secureWorld is a world whose broker is configured by conf. login is how the
// test itself gets in.
func secureWorld(t *testing.T, options embedded.NATSOptions, login ...nats.Option) *world {
	t.Helper()
	w := newWorld(t)
	w.nc.Close()
	w.nats.Stop()
	options.Addr, options.Dir = "127.0.0.1:0", w.dir
	server, err := embedded.StartNATS(options)
	require.NoError(t, err)
	w.nats = server // the world stops it
	w.nc, err = nats.Connect(w.nats.URL(), append(login, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))...)
	require.NoError(t, err)
	t.Cleanup(w.nc.Close)
	w.js, err = jetstream.New(w.nc)
	require.NoError(t, err)
	w.env["NATS_URL"] = w.nats.URL()
	w.env["WORKER_LOG_LEVEL"] = "debug" // what debug does not show, nothing does
	return w
}

func configured(t *testing.T, conf string) embedded.NATSOptions {
	t.Helper()
	return embedded.NATSOptions{ConfigFile: fileWith(t, conf)}
}

// carries asserts that a worker with these settings does its work, and keeps
// the secrets.
func (w *world) carries(env map[string]string, secrets ...string) {
	w.t.Helper()
	p := w.start(env)
	p.ready()
	w.add(simulator.Job{ID: "let-in"})
	w.check(simulator.Job{ID: "let-in"})
	p.keeps(secrets...)
}

// keepsWaiting asserts that a worker with these settings stays up, is not
// ready for the reason, says so once, and keeps the secrets.
func (w *world) keepsWaiting(env map[string]string, reason string, secrets ...string) *process {
	w.t.Helper()
	p := w.start(env)
	url := p.url()
	w.eventually("the readiness does not name the reason: "+reason, func() bool {
		status, body := get(w.t, url+"/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "nats: not connected: ") && strings.Contains(body, reason)
	})
	status, _ := get(w.t, url+"/livez")
	require.Equal(w.t, http.StatusOK, status, "to start it again would not help")
	line := fmt.Sprintf(`"condition":%q,"error":"not connected: `, "nats")
	require.Equal(w.t, 1, strings.Count(p.out.String(), line), "one line says it: %s", p.out)
	require.Contains(w.t, p.out.String(), reason)
	p.keeps(secrets...)
	return p
}

// keeps asserts that nothing that the worker shows has a secret in it.
func (p *process) keeps(secrets ...string) {
	p.t.Helper()
	shown := p.out.String()
	for _, path := range []string{"/readyz", "/metrics"} {
		_, body := get(p.t, p.url()+path)
		shown += body
	}
	for _, secret := range append(secrets, natsPassword) {
		require.NotContains(p.t, shown, secret)
	}
}

func TestNATSWithAPrivateAuthorityAndClientCertificates(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	serverCert, serverKey := ca.issue("server")
	certificate, key := ca.issue("worker")
	wrongCertificate, wrongKey := stranger.issue("worker")
	w := secureWorld(t, configured(t, fmt.Sprintf(
		`tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }`, serverCert, serverKey, ca.file,
	)), nats.RootCAs(ca.file), nats.ClientCert(certificate, key))
	w.carries(map[string]string{"NATS_CA": ca.file, "NATS_CERT": certificate, "NATS_KEY": key})

	w.keepsWaiting(map[string]string{"NATS_CERT": certificate, "NATS_KEY": key}, "certificate signed by unknown authority")
	w.keepsWaiting(map[string]string{"NATS_CA": stranger.file, "NATS_CERT": certificate, "NATS_KEY": key}, "certificate signed by unknown authority")
	w.keepsWaiting(map[string]string{"NATS_CA": ca.file}, "tls") // the words depend on which side is faster
	w.keepsWaiting(map[string]string{"NATS_CA": ca.file, "NATS_CERT": wrongCertificate, "NATS_KEY": wrongKey}, "tls")
}

func TestNATSWithUserAndPassword(t *testing.T) {
	t.Parallel()
	w := secureWorld(t, configured(t, fmt.Sprintf(
		`authorization { users: [{ user: worker, password: %q }] }`, natsPassword,
	)), nats.UserInfo("worker", natsPassword))
	w.carries(map[string]string{"NATS_USER": "worker", "NATS_PASSWORD": natsPassword})
	const wrong = "a-wrong-password"
	w.keepsWaiting(map[string]string{"NATS_USER": "worker", "NATS_PASSWORD": wrong}, "Authorization Violation; check the credentials", wrong)
	w.keepsWaiting(nil, "Authorization Violation; check the credentials")

	// In the URL, as the nats tool takes it.
	inURL := strings.Replace(w.nats.URL(), "://", "://worker:"+natsPassword+"@", 1)
	p := w.start(map[string]string{"NATS_URL": inURL})
	p.ready()
	p.keeps()

	// A file is read again, so that a mended one needs no restart.
	file := fileWith(t, wrong)
	p = w.keepsWaiting(map[string]string{"NATS_USER": "worker", "NATS_PASSWORD_FILE": file}, "Authorization Violation; check the credentials", wrong)
	require.NoError(t, os.WriteFile(file, []byte(natsPassword), 0o600))
	p.ready()
	p.keeps(wrong)
}

func TestNATSWithANKey(t *testing.T) {
	t.Parallel()
	seed, public := newNKey(t)
	strange, _ := newNKey(t)
	login, err := nats.NkeyOptionFromSeed(fileWith(t, seed))
	require.NoError(t, err)
	w := secureWorld(t, configured(t, fmt.Sprintf(`authorization { users: [{ nkey: %s }] }`, public)), login)
	w.carries(map[string]string{"NATS_NKEY": fileWith(t, seed)}, seed)
	w.keepsWaiting(map[string]string{"NATS_NKEY": fileWith(t, strange)}, "Authorization Violation; check the credentials", seed, strange)

	p := w.start(map[string]string{"NATS_NKEY": fileWith(t, "SU-is-no-seed-"+natsPassword)})
	require.NotZero(t, p.status(), "no waiting makes it a seed")
	require.Contains(t, p.out.String(), "NATS_NKEY")
	require.NotContains(t, p.out.String(), natsPassword)
}

func newNKey(t *testing.T) (seed, public string) {
	t.Helper()
	user, err := nkeys.CreateUser()
	require.NoError(t, err)
	secret, err := user.Seed()
	require.NoError(t, err)
	public, err = user.PublicKey()
	require.NoError(t, err)
	return string(secret), public
}

func TestNATSWithAContextOfTheNatsTool(t *testing.T) {
	t.Parallel()
	w := secureWorld(t, configured(t, fmt.Sprintf(
		`authorization { users: [{ user: worker, password: %q }] }`, natsPassword,
	)), nats.UserInfo("worker", natsPassword))
	home := t.TempDir()
	contexts := filepath.Join(home, "nats", "context")
	require.NoError(t, os.MkdirAll(contexts, 0o700))
	for name, password := range map[string]string{"good": natsPassword, "bad": "a-wrong-password"} {
		content := fmt.Sprintf(`{"url": %q, "user": "worker", "password": %q}`, w.nats.URL(), password)
		require.NoError(t, os.WriteFile(filepath.Join(contexts, name+".json"), []byte(content), 0o600))
	}
	env := func(name string) map[string]string {
		return map[string]string{"XDG_CONFIG_HOME": home, "NATS_URL": "", "NATS_CONTEXT": name}
	}
	w.carries(env("good"))
	w.keepsWaiting(env("bad"), "Authorization Violation; check the credentials", "a-wrong-password")

	p := w.start(env("missing"))
	require.NotZero(t, p.status(), "nobody says where the broker is")
	require.Contains(t, p.out.String(), "NATS_CONTEXT")
}
