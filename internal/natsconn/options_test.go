package natsconn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/natsconn"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// connects asserts that the settings lead to a connection.
func connects(t *testing.T, cfg config.NATS) {
	t.Helper()
	nc, err := natsconn.ConnectOnce(t.Context(), cfg, "test", zap.NewNop())
	require.NoError(t, err)
	nc.Close()
}

func TestAUserAloneIsAToken(t *testing.T) {
	t.Parallel()
	srv := serve(t, &server.Options{Port: server.RANDOM_PORT, Authorization: "token"})
	connects(t, config.NATS{URL: srv.ClientURL(), User: "token"})
}

func TestNKey(t *testing.T) {
	t.Parallel()
	user, err := nkeys.CreateUser()
	require.NoError(t, err)
	public, err := user.PublicKey()
	require.NoError(t, err)
	seed, err := user.Seed()
	require.NoError(t, err)
	srv := serve(t, &server.Options{Port: server.RANDOM_PORT, Nkeys: []*server.NkeyUser{{Nkey: public}}})
	connects(t, config.NATS{URL: srv.ClientURL(), NKey: write(t, "seed", seed)})

	_, err = natsconn.Connect(config.NATS{URL: srv.ClientURL(), NKey: write(t, "seed", []byte("nonsense"))}, "test", &condition{}, zap.NewNop())
	require.ErrorContains(t, err, "NATS_NKEY")
}

func TestCertificatesOfBothSides(t *testing.T) {
	t.Parallel()
	certificate, certFile, keyFile := selfSigned(t)
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate.Leaf)
	srv := serve(t, &server.Options{Port: server.RANDOM_PORT, TLS: true, TLSVerify: true, TLSTimeout: 5, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted, MinVersion: tls.VersionTLS12,
	}})
	url := "tls://" + srv.Addr().String()
	connects(t, config.NATS{URL: url, CA: certFile, Cert: certFile, Key: keyFile})

	_, err := natsconn.ConnectOnce(t.Context(), config.NATS{URL: url, Cert: certFile, Key: keyFile}, "test", zap.NewNop())
	require.ErrorContains(t, err, "unknown authority", "the server's certificate is checked")
}

func TestUnusableFilesAreErrorsAtOnce(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]config.NATS{
		"password": {User: "u", PasswordFile: write(t, "password", []byte(" \n"))},
		"CA":       {CA: write(t, "ca.pem", []byte("nonsense"))},
		"cert":     {Cert: write(t, "cert.pem", []byte("nonsense")), Key: write(t, "key.pem", []byte("nonsense"))},
	} {
		cfg.URL = "nats://127.0.0.1:1"
		_, err := natsconn.Connect(cfg, "test", &condition{}, zap.NewNop())
		require.Error(t, err, name)
	}
}

func TestNilDependenciesAreRefused(t *testing.T) {
	t.Parallel()
	_, err := natsconn.Connect(config.NATS{}, "test", nil, zap.NewNop())
	require.Error(t, err)
	_, err = natsconn.ConnectOnce(t.Context(), config.NATS{}, "test", nil)
	require.Error(t, err)
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// selfSigned is a certificate for both sides, and the files that hold it.
func selfSigned(t *testing.T) (certificate tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IsCA:        true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile = write(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	keyFile = write(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	certificate, err = tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	return certificate, certFile, keyFile
}

func TestAnswersComeToAnInboxOfItsOwn(t *testing.T) {
	t.Parallel()
	srv := serve(t, &server.Options{Port: server.RANDOM_PORT})
	inbox := func(cfg config.NATS) string {
		nc, err := natsconn.ConnectOnce(t.Context(), cfg, "jobferry worker on host-7", zap.NewNop())
		require.NoError(t, err)
		defer nc.Close()
		return nc.NewInbox()
	}
	require.Regexp(t, `^_INBOX\.jobferry-worker\.[^.]+$`, inbox(config.NATS{URL: srv.ClientURL()}))
	file := write(t, "context.json", []byte(`{"url": "`+srv.ClientURL()+`", "inbox_prefix": "_INBOX.mine"}`))
	require.Regexp(t, `^_INBOX\.mine\.[^.]+$`, inbox(config.NATS{Context: file}))
}
