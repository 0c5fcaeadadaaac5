package httpclient_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/httpclient"
	"github.com/stretchr/testify/require"
)

// writeCertificate replaces the files of a certificate and its key, which trusts
// itself.
func writeCertificate(t *testing.T, name, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
}

func TestTheFilesOfTLSAreReadAgain(t *testing.T) {
	t.Parallel()
	var clients []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		clients = append(clients, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	dir := t.TempDir()
	files := httpclient.TLSFiles{CA: filepath.Join(dir, "ca"), Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(files.CA, ca, 0o600))
	writeCertificate(t, "first", files.Cert, files.Key)

	settings, err := httpclient.NewTLS(files)
	require.NoError(t, err)
	get := func() error {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: settings.Config()}}
		resp, err := client.Get(server.URL)
		if err != nil {
			return err
		}
		client.CloseIdleConnections()
		return resp.Body.Close()
	}
	require.NoError(t, get())
	writeCertificate(t, "second", files.Cert, files.Key)
	require.NoError(t, os.Remove(files.CA))
	require.NoError(t, get(), "the last certificates are still trusted")
	require.Equal(t, []string{"first", "second"}, clients)

	writeCertificate(t, "stranger", files.CA, filepath.Join(dir, "unused"))
	require.ErrorContains(t, get(), "unknown authority")
	require.NoError(t, os.WriteFile(files.CA, ca, 0o600))
	require.NoError(t, os.WriteFile(files.Key, []byte("broken"), 0o600))
	require.ErrorContains(t, get(), "read the client certificate "+files.Cert+" and its key")
}

func TestFilesOfTLSThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for want, files := range map[string]httpclient.TLSFiles{
		"no such file":   {CA: "/no/such/file"},
		"holds none":     {CA: empty},
		"/no/such/cert ": {Cert: "/no/such/cert", Key: empty},
	} {
		_, err := httpclient.NewTLS(files)
		require.ErrorContains(t, err, want)
	}
}
