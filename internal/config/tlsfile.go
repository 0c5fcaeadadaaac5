package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

var (
	holdsCertificates = fileHolding("certificates in PEM", areCertificates)
	holdsPrivateKey   = fileHolding("a private key in PEM, not encrypted", isPrivateKey)

	certificateFile = parser[string]{"file", func(path string) (string, error) { return path, holdsCertificates(path) }}
	privateKeyFile  = parser[string]{"file", secretFileThat(holdsPrivateKey)}
)

// areCertificates takes what a pool of certificates does: one that can be read.
func areCertificates(content []byte) bool {
	return x509.NewCertPool().AppendCertsFromPEM(content)
}

func isPrivateKey(content []byte) bool {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return parsesAsKey(block.Bytes)
		}
	}
	return false
}

// parsesAsKey tries the forms that [tls.X509KeyPair] takes.
func parsesAsKey(der []byte) bool {
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	_, ec := x509.ParseECPrivateKey(der)
	return pkcs8 == nil || pkcs1 == nil || ec == nil
}

// mismatch reports whether each file is right by itself and the two are not
// together.
func mismatch(cert, key string) bool {
	if holdsCertificates(cert) != nil || holdsPrivateKey(key) != nil {
		return false
	}
	_, err := tls.LoadX509KeyPair(cert, key)
	return err != nil
}
