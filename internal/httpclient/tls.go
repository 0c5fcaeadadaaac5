package httpclient

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync/atomic"
)

// TLSFiles are files in PEM, as paths. An empty path is none.
type TLSFiles struct {
	// CA has the certificates to trust, instead of the system's.
	CA string
	// Cert and Key are the client's certificate. Both are set, or none.
	Cert, Key string
}

// TLS makes configurations from files that may be replaced while the program runs.
// It is safe for concurrent use.
type TLS struct {
	files   TLSFiles
	trusted atomic.Pointer[x509.CertPool] // nil: the system's
}

// NewTLS reads all files once, so that a wrong one shows at once. The error names
// the file.
func NewTLS(files TLSFiles) (*TLS, error) {
	t := &TLS{files: files}
	if err := t.readCA(); err != nil {
		return nil, err
	}
	if files.Cert != "" {
		if _, err := t.certificate(nil); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Config returns one for new connections. The client's certificate is read at each
// handshake. The certificates to trust are read now; while their file cannot be
// read, those that were read last are trusted.
func (t *TLS) Config() *tls.Config {
	_ = t.readCA() // the last ones are still good
	config := &tls.Config{RootCAs: t.trusted.Load(), MinVersion: tls.VersionTLS12}
	if t.files.Cert != "" {
		config.GetClientCertificate = t.certificate
	}
	return config
}

func (t *TLS) readCA() error {
	if t.files.CA == "" {
		return nil
	}
	content, err := os.ReadFile(t.files.CA)
	if err != nil {
		return fmt.Errorf("read the certificates to trust: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return fmt.Errorf("read the certificates to trust: %s holds none in PEM", t.files.CA)
	}
	t.trusted.Store(pool)
	return nil
}

func (t *TLS) certificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	certificate, err := tls.LoadX509KeyPair(t.files.Cert, t.files.Key)
	if err != nil {
		return nil, fmt.Errorf("read the client certificate %s and its key: %w", t.files.Cert, err)
	}
	return &certificate, nil
}
