package natsconn_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/natsconn"
	"github.com/stretchr/testify/require"
)

// mistakes are what is wrong with the context that settings name.
func mistakes(cfg config.NATS) string {
	var found []string
	natsconn.CheckContext(config.Config{NATS: cfg}, func(variable, right string) { found = append(found, variable+" "+right) })
	return strings.Join(found, "\n")
}

func TestContextsThatCanBeUsed(t *testing.T) {
	t.Parallel()
	_, cert, key := selfSigned(t)
	garbage := write(t, "garbage", []byte("garbage"))
	for _, cfg := range []config.NATS{
		{},
		{Context: write(t, "context.json", []byte(`{"url": "nats://127.0.0.1:1,127.0.0.1:2", "ca": "`+cert+`", "cert": "`+cert+`", "key": "`+key+`"}`))},
		{URL: "nats://127.0.0.1:1", Context: write(t, "context.json", []byte(`{"url": "nats://x:port"}`))},
		{User: "own", Context: write(t, "context.json", []byte(`{"url": "nats://127.0.0.1:1", "creds": "`+garbage+`"}`))},
	} {
		require.Empty(t, mistakes(cfg))
	}
}

func TestContextsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	garbage := write(t, "garbage", []byte("hunter2"))
	for content, want := range map[string]string{
		`nonsense`:                        "invalid character",
		`{"url": "nats://u:hunter2@:x"}`:  "its url cannot be parsed",
		`{"creds": "/no/such/file"}`:      "/no/such/file: no such file or directory",
		`{"creds": "` + garbage + `"}`:    "no nkey seed found",
		`{"nkey": "` + garbage + `"}`:     "no nkey seed found",
		`{"ca": "` + garbage + `"}`:       "failed to parse root certificate",
		`{"windows_cert_store": "store"}`: "not supported",
	} {
		found := mistakes(config.NATS{Context: write(t, "context.json", []byte(content))})
		require.Regexp(t, "^NATS_CONTEXT must be a context of the nats tool that can be used; [^\n]+$", found)
		require.Contains(t, found, want)
		require.NotContains(t, found, "hunter2")
	}
	require.Contains(t, mistakes(config.NATS{Context: filepath.Join(t.TempDir(), "none.json")}), "no such file")
	require.Contains(t, mistakes(config.NATS{Context: "no-such-context"}), `unknown context "no-such-context"`)
}
