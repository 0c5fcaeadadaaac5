package embedded

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// certLifetime is generous for a test and worthless for anything else.
const certLifetime = 24 * time.Hour

// TLSFront is a TLS listener on 127.0.0.1 that copies bytes to a plain server
// and back. It knows nothing of what it carries.
type TLSFront struct {
	backend  string
	listener net.Listener
	caPEM    []byte
	running  sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// NewTLSFront listens on a free port, with a certificate made for the
// occasion, in front of backend (host:port).
func NewTLSFront(backend string) (*TLSFront, error) {
	certificate, caPEM, err := throwAwayCertificate()
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		return nil, fmt.Errorf("listen for TLS: %w", err)
	}
	front := &TLSFront{backend: backend, listener: listener, caPEM: caPEM, conns: map[net.Conn]struct{}{}}
	front.running.Go(front.accept)
	return front, nil
}

// URL is the front's https address, without a slash at its end.
func (f *TLSFront) URL() string { return "https://" + f.listener.Addr().String() }

// CAPEM is the certificate that a client needs to trust, PEM encoded.
func (f *TLSFront) CAPEM() []byte { return f.caPEM }

// Close cuts every connection and waits until all copying has ended.
func (f *TLSFront) Close() error {
	err := f.listener.Close()
	f.mu.Lock()
	f.closed = true
	for conn := range f.conns {
		_ = conn.Close()
	}
	f.mu.Unlock()
	f.running.Wait()
	return err
}

func (f *TLSFront) accept() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return // closed
		}
		f.running.Go(func() { f.carry(client) })
	}
}

// carry copies both ways until either side ends, then cuts both.
func (f *TLSFront) carry(client net.Conn) {
	if !f.track(client) {
		return
	}
	defer f.untrack(client)
	var dialer net.Dialer
	server, err := dialer.DialContext(context.Background(), "tcp", f.backend) // Close cuts it
	if err != nil {
		return
	}
	if !f.track(server) {
		return
	}
	defer f.untrack(server)
	f.running.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	_, _ = io.Copy(client, server)
}

// track remembers a connection for Close; after Close it refuses and cuts it.
func (f *TLSFront) track(conn net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		_ = conn.Close()
		return false
	}
	f.conns[conn] = struct{}{}
	return true
}

func (f *TLSFront) untrack(conn net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = conn.Close()
	delete(f.conns, conn)
}

// throwAwayCertificate signs itself, so that it is its own authority.
func throwAwayCertificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a TLS key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "jobferry embedded"},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(certLifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true,
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a TLS certificate: %w", err)
	}
	certificate := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
