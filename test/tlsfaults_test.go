package test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// tlsHost serves files over TLS with a certificate that a function changes, and
// returns its URL.
func (a *authority) tlsHost(change func(*x509.Certificate), settings *tls.Config) string {
	a.t.Helper()
	template := certificateOf("files")
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if change != nil {
		change(template)
	}
	key := newKey(a.t)
	settings.Certificates = []tls.Certificate{{Certificate: [][]byte{a.sign(template, key)}, PrivateKey: key}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(serveOddFile))
	server.TLS = settings
	server.StartTLS()
	a.t.Cleanup(server.Close)
	return server.URL
}

// TestAFileHostThatCannotBeReachedIsNamed: each job of such a host waits, and its
// status says what is the matter with the host, from the second time on the log too.
func TestAFileHostThatCannotBeReachedIsNamed(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	closed := httptest.NewServer(nil)
	closed.Close()
	hosts := map[string]struct{ url, want string }{
		"expired": {ca.tlsHost(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		}, &tls.Config{}), "certificate has expired"},
		"not-yet": {ca.tlsHost(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		}, &tls.Config{}), "certificate has expired or is not yet valid"},
		"another-name":  {ca.tlsHost(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} }, &tls.Config{}), "certificate is valid for 10.0.0.1, not 127.0.0.1"},
		"unknown-ca":    {stranger.tlsHost(nil, &tls.Config{}), "certificate signed by unknown authority"},
		"old-tls":       {ca.tlsHost(nil, &tls.Config{MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}), "protocol version"},
		"client-wanted": {ca.tlsHost(nil, &tls.Config{ClientAuth: tls.RequireAnyClientCert}), "certificate required"},
		"unknown-host":  {"https://no-such-host.invalid", "no such host"},
		"refused":       {closed.URL, "connection refused"},
	}
	w := newWorld(t)
	p := w.start(map[string]string{"SSL_CERT_FILE": ca.file, "WORKER_RESULT_HOSTS": "127.0.0.1,no-such-host.invalid"})
	p.ready()
	good := simulator.Job{ID: "good", Files: []simulator.File{{
		URL: ca.tlsHost(nil, &tls.Config{}) + "/good.pdf?X-Amz-Signature=secret", ContentType: "application/pdf", Content: simulator.Noise("good", oddFileSize),
	}}}
	w.add(good)
	w.check(good)
	for name, host := range hosts {
		w.add(simulator.Job{ID: name, Files: []simulator.File{{URL: host.url + "/" + name + ".pdf?X-Amz-Signature=secret"}}})
	}
	for name, host := range hosts {
		var status struct {
			LastError struct{ Text string }
		}
		w.eventually(name+" does not say: "+host.want, func() bool {
			exit, stdout, _ := w.run("", "status", "--json", name)
			return exit == 0 && json.Unmarshal([]byte(stdout), &status) == nil && strings.Contains(status.LastError.Text, host.want)
		})
		w.eventually("no warning names "+name, func() bool {
			for line := range strings.Lines(p.out.String()) {
				if strings.Contains(line, `"level":"warn"`) && strings.Contains(line, `"job":"`+name+`"`) && strings.Contains(line, host.want) {
					return true
				}
			}
			return false
		})
	}
	require.EqualValues(t, 1, w.count("JOBS_EVENTS"), "none of them has ended")
}
