package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

// pair returns the files of a certificate and of its key.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return fileOf(t, pemOf("CERTIFICATE", der)), fileOf(t, pemOf("PRIVATE KEY", keyDER))
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// seed returns an nkey seed of a user or of an account.
func seed(t *testing.T, prefix nkeys.PrefixByte) string {
	t.Helper()
	key, err := nkeys.CreatePair(prefix)
	require.NoError(t, err)
	text, err := key.Seed()
	require.NoError(t, err)
	return string(text)
}

// credentialsWith returns a file of credentials in the form of nsc.
func credentialsWith(t *testing.T, token, key string) string {
	t.Helper()
	return fileOf(t, "-----BEGIN NATS USER JWT-----\n"+token+"\n------END NATS USER JWT------\n\n"+
		"-----BEGIN USER NKEY SEED-----\n"+key+"\n------END USER NKEY SEED------\n")
}

func token(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmVk"
}

func credentials(t *testing.T) string {
	t.Helper()
	return credentialsWith(t, token(`{"sub": "U"}`), seed(t, nkeys.PrefixByteUser))
}

func TestFilesThatAreRight(t *testing.T) {
	t.Parallel()
	cert, key := pair(t)
	other, _ := pair(t)
	for variable, path := range map[string]string{
		"NATS_CREDS": credentials(t),
		"NATS_NKEY":  fileOf(t, "# of a pod\n"+seed(t, nkeys.PrefixByteUser)+"\n"),
		"NATS_CA":    fileOf(t, strings.Repeat("# "+strings.Repeat("x", 100)+"\n", 3000)+contentOf(t, cert)+contentOf(t, other)),
	} {
		_, err := load(t, with(variable, path), nil)
		require.NoError(t, err, variable)
	}
	_, err := load(t, with("NATS_CERT", cert, "NATS_KEY", key), nil)
	require.NoError(t, err)
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// A file is told to be wrong with its variable and its path, together with all
// others, and nothing of what it holds is told.
func TestFilesThatHoldSomethingElse(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	cert, key := pair(t)
	for name, test := range map[string]struct{ variable, path, want string }{
		"no credentials":   {"NATS_CREDS", fileOf(t, secret), "user credentials, a JWT and a seed"},
		"no JWT":           {"NATS_CREDS", credentialsWith(t, secret, seed(t, nkeys.PrefixByteUser)), "user credentials"},
		"no claims":        {"NATS_CREDS", credentialsWith(t, token(secret), seed(t, nkeys.PrefixByteUser)), "user credentials"},
		"JWT without seed": {"NATS_CREDS", credentialsWith(t, token("{}"), secret), "user credentials"},
		"no seed":          {"NATS_NKEY", fileOf(t, secret), "the nkey seed of a user"},
		"broken seed":      {"NATS_NKEY", fileOf(t, "SU"+secret), "the nkey seed of a user"},
		"an account's":     {"NATS_NKEY", fileOf(t, seed(t, nkeys.PrefixByteAccount)), "the nkey seed of a user"},
		"no CA":            {"NATS_CA", fileOf(t, secret), "certificates in PEM"},
		"a key as CA":      {"NATS_CA", key, "certificates in PEM"},
		"no certificate":   {"NATS_CERT", fileOf(t, pemOf("CERTIFICATE", []byte(secret))), "certificates in PEM"},
		"no key":           {"NATS_KEY", cert, "a private key in PEM, not encrypted"},
		"broken key":       {"NATS_KEY", fileOf(t, pemOf("PRIVATE KEY", []byte(secret))), "a private key in PEM"},
		"encrypted key":    {"NATS_KEY", fileOf(t, pemOf("ENCRYPTED PRIVATE KEY", []byte(secret))), "a private key in PEM, not encrypted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := problems(t, with(test.variable, test.path, "WORKER_POLLS", "0"))
			require.Contains(t, found[0], fmt.Sprintf("%s=%q must be a file that holds %s", test.variable, test.path, test.want))
			all := strings.Join(found, "\n")
			require.Contains(t, all, "WORKER_POLLS")
			require.NotContains(t, strings.ReplaceAll(all, test.path, ""), secret)
		})
	}
}

func TestAKeyInPlaceOfItsPathIsNotTold(t *testing.T) {
	t.Parallel()
	_, key := pair(t)
	found := problems(t, with("NATS_KEY", contentOf(t, key)))
	require.NotContains(t, strings.Join(found, ""), "BEGIN")
}

func TestMoreChecksAreToldWithTheRest(t *testing.T) {
	t.Parallel()
	env := with("WORKER_POLLS", "0", "AWS_PROFILE", "nobody", "AWS_ENDPOINT_URL_S3", "https://user:hunter2@s3")
	also := func(section config.Section, variables ...string) config.Check {
		return config.Check{Section: section, Apply: func(_ config.Config, report func(variable, want string)) {
			for _, variable := range variables {
				report(variable, "must be right")
			}
		}}
	}
	_, err := loadWith(t, env, nil, []config.Check{
		also(config.SectionS3, "AWS_PROFILE", "AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"), also(config.SectionWork, "WORKER_POLLS"),
	})
	require.ErrorContains(t, err, "4 settings are wrong:\n  WORKER_POLLS=")
	require.ErrorContains(t, err, "\n  AWS_PROFILE=\"nobody\" must be right\n  AWS_ENDPOINT_URL_S3 must be right\n  AWS_CA_BUNDLE must be right")

	_, err = loadWith(t, env, nil, []config.Check{also(config.SectionS3, "AWS_PROFILE")}, config.SectionNATS)
	require.NoError(t, err, "a section that is not read is not checked")
}
