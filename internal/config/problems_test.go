package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/stretchr/testify/require"
)

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ variable, value, problem string }{
		{"NATS_URL", "http://a", `="http://a" must be a list of URLs such as`},
		{"NATS_URL", "nats://a,,", `="nats://a,," must be a list of URLs`},
		{"NATS_URL", "nats://a:port", `="nats://a:port" must be a list of URLs`},
		{"NATS_CREDS", "/does/not/exist", `="/does/not/exist" must be a file that can be read; no such file or directory`},
		{"NATS_CA", "missing.pem", `="missing.pem" must be a file that can be read; no such file or directory`},
		{"NITRO_API_URL", "api.gonitro.dev", `="api.gonitro.dev" must be a URL such as https://api.gonitro.dev`},
		{"NITRO_API_URL", "ftp://api.gonitro.dev", `must be a URL such as`},
		{"NITRO_API_URL", "https://a#b", `="https://a#b" must be a URL without query and fragment`},
		{"S3_BUCKET", "a b", `="a b" must be the name of a bucket`},
		{"S3_BUCKET", "ab", `="ab" must be the name of a bucket`},
		{"S3_BUCKET", "s3://results", `must be the name of a bucket`},
		{"S3_ALLOWED_BUCKETS", "good,b@d", ` each item must be the name of a bucket`},
		{"S3_PREFIX", "/a", `="/a" must not start with /`},
		{"S3_PREFIX", "a/../b", `="a/../b" must not have . or .. as a segment`},
		{"S3_PREFIX", "a\nb", `="a\nb" must be UTF-8 without control characters`},
		{"S3_PREFIX", strings.Repeat("a", 321), `must have 320 bytes at most`},
		{"S3_STORAGE_CLASS", "two words", `="two words" must be one word`},
		{"S3_SSE", "AES", `="AES" must be AES256, aws:kms or aws:kms:dsse`},
		{"S3_SSE_KMS_KEY_ID", "k", `S3_SSE must be aws:kms or aws:kms:dsse, because S3_SSE_KMS_KEY_ID is set`},
		{"S3_CHECKSUM", "sha256", `="sha256" must be auto, trailer or md5`},
		{"S3_TAGS", "a;b", `="a;b" must be written as k=v&k=v`},
		{"S3_TAGS", "aws:a=b", `="aws:a=b" the tag "aws:a" begins with aws:`},
		{"S3_ACL", "mine", `="mine" must be private, public-read,`},
		{"S3_CACHE_CONTROL", "a\nb", `must be printable ASCII`},
		{"S3_PART_SIZE", "1MiB", `S3_PART_SIZE="1MiB" must be between 5242880 and 5368709120 bytes`},
		{"S3_PATH_STYLE", "maybe", `="maybe" must be true or false`},
		{"WORKER_SUBJECT_PREFIX", "jobs.>", `="jobs.>" must be one or more tokens`},
		{"WORKER_SUBJECT_PREFIX", "jobs.", `must be one or more tokens`},
		{"WORKER_STREAM_REPLICAS", "6", `="6" must be a whole number, 1 to 5`},
		{"WORKER_POLLS", "0", `="0" must be a whole number, 1 to 10000`},
		{"WORKER_POLLS", "many", `="many" must be a whole number, 1 to 10000`},
		{"WORKER_POLLS", "2147483647", `="2147483647" must be a whole number, 1 to 10000`},
		{"WORKER_TRANSFERS", "10001", `="10001" must be a whole number, 1 to 10000`},
		{"WORKER_MAX_CRASHES", "2147483648", `="2147483648" must be a whole number, 1 to 2147483647`},
		{"WORKER_POLL_RATE", "1e7", `="1e7" must be a number, 0 to 1000000`},
		{"WORKER_TRANSFERS", "1.5", `="1.5" must be a whole number, 1 to 10000`},
		{"WORKER_POLL_RATE", "-1", `="-1" must be a number, 0 to 1000000`},
		{"WORKER_POLL_RATE", "NaN", `="NaN" must be a number, 0 to 1000000`},
		{"WORKER_BACKOFF_INITIAL", "1", `="1" must be a duration such as 500ms, 30s or 1h30m, and more than 0`},
		{"WORKER_BACKOFF_INITIAL", "1m", `WORKER_BACKOFF_MAX must not be shorter than WORKER_BACKOFF_INITIAL`},
		{"WORKER_BACKOFF_MAX", "1ms", `="1ms" must not be shorter than WORKER_BACKOFF_INITIAL`},
		{"WORKER_BACKOFF_MULTIPLIER", "0.9", `="0.9" must be a number, 1 to 1000`},
		{"WORKER_BACKOFF_MULTIPLIER", "Inf", `="Inf" must be a number, 1 to 1000`},
		{"WORKER_JOB_DEADLINE", "-1h", `="-1h" must be a duration`},
		{"WORKER_MAX_CRASHES", "0", `="0" must be a whole number, 1 to 2147483647`},
		{"WORKER_MAX_RESULT_BYTES", "0", `="0" must be a size such as 5GiB`},
		{"WORKER_MAX_RESULT_BYTES", "5 elephants", `="5 elephants" must be a size such as 5GiB`},
		{"WORKER_MAX_RESULT_BYTES", "9999999PiB", `must be a size such as 5GiB`},
		{"WORKER_RESULT_HOSTS", "https://files.example.com", ` each item must be a host name such as`},
		{"WORKER_RESULT_HOSTS", "a:*", `="a:*" each item must be a host name such as`},
		{"WORKER_RESULT_HOSTS", "a,[", `="a,[" each item must be a host name such as`},
		{"WORKER_EVENTS_MAX_AGE", "1ms", `="1ms" must be a duration such as 30m or 72h, at least 1s`},
		{"WORKER_DRAIN_TIMEOUT", "0s", `="0s" must be a duration`},
		{"WORKER_HTTP_ADDR", "8080", `="8080" must be an address such as :8080`},
		{"WORKER_HTTP_ADDR", ":99999", `=":99999" must have a port from 0 to 65535`},
		{"WORKER_LOG_LEVEL", "loud", `="loud" must be debug, info, warn or error`},
		{"WORKER_LOG_FORMAT", "xml", `="xml" must be json or console`},
	} {
		t.Run(test.variable+"="+test.value, func(t *testing.T) {
			t.Parallel()
			found := problems(t, with(test.variable, test.value))
			require.Len(t, found, 1)
			require.Contains(t, found[0], test.problem)
		})
	}
}

func TestSettingsThatBelongTogether(t *testing.T) {
	t.Parallel()
	file := fileOf(t, "content")
	cert, key := pair(t)
	_, otherKey := pair(t)
	for name, test := range map[string]struct {
		env  map[string]string
		want string
	}{
		"no credentials":         {map[string]string{}, "NITRO_CLIENT_ID must be set, together with NITRO_CLIENT_SECRET; or set NITRO_API_TOKEN instead"},
		"ID alone":               {map[string]string{"NITRO_CLIENT_ID": "a"}, "NITRO_CLIENT_SECRET or NITRO_CLIENT_SECRET_FILE must be set, because NITRO_CLIENT_ID is"},
		"secret alone":           {map[string]string{"NITRO_CLIENT_SECRET": "a"}, "NITRO_CLIENT_ID must be set, because NITRO_CLIENT_SECRET is"},
		"secret file alone":      {map[string]string{"NITRO_CLIENT_SECRET_FILE": file}, "NITRO_CLIENT_ID must be set, because NITRO_CLIENT_SECRET is"},
		"both ways":              {map[string]string{"NITRO_CLIENT_ID": "a", "NITRO_CLIENT_SECRET": "b", "NITRO_API_TOKEN": "c"}, "NITRO_API_TOKEN must not be set beside client credentials"},
		"token and file":         {map[string]string{"NITRO_API_TOKEN": "a", "NITRO_API_TOKEN_FILE": file}, "must not be set beside NITRO_API_TOKEN: set one of the two"},
		"secret and file":        {map[string]string{"NITRO_CLIENT_ID": "a", "NITRO_CLIENT_SECRET": "a", "NITRO_CLIENT_SECRET_FILE": file}, "must not be set beside NITRO_CLIENT_SECRET"},
		"password alone":         {with("NATS_PASSWORD", "a"), "NATS_USER must be set, because a password is"},
		"password file alone":    {with("NATS_PASSWORD_FILE", file), "NATS_USER must be set, because a password is"},
		"password and file":      {with("NATS_USER", "u", "NATS_PASSWORD", "a", "NATS_PASSWORD_FILE", file), "must not be set beside NATS_PASSWORD: set one of the two"},
		"certificate alone":      {with("NATS_CERT", cert), "NATS_KEY must be set, because NATS_CERT is"},
		"key alone":              {with("NATS_KEY", key), "NATS_CERT must be set, because NATS_KEY is"},
		"key of another":         {with("NATS_CERT", cert, "NATS_KEY", otherKey), fmt.Sprintf("NATS_KEY=%q must be the key of the certificate in NATS_CERT", otherKey)},
		"API certificate alone":  {with("NITRO_API_CERT", cert), "NITRO_API_KEY must be set, because NITRO_API_CERT is"},
		"API key alone":          {with("NITRO_API_KEY", key), "NITRO_API_CERT must be set, because NITRO_API_KEY is"},
		"API key of another":     {with("NITRO_API_CERT", cert, "NITRO_API_KEY", otherKey), fmt.Sprintf("NITRO_API_KEY=%q must be the key of the certificate in NITRO_API_CERT", otherKey)},
		"two ways to sign in":    {with("NATS_CREDS", credentials(t), "NATS_USER", "u"), "set one of them"},
		"KMS key without KMS":    {with("S3_SSE", "AES256", "S3_SSE_KMS_KEY_ID", "k"), `S3_SSE="AES256" must be aws:kms or aws:kms:dsse`},
		"unreadable secret file": {map[string]string{"NITRO_CLIENT_ID": "a", "NITRO_CLIENT_SECRET_FILE": "/no"}, `NITRO_CLIENT_SECRET_FILE="/no" must be a file that can be read`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.env["S3_BUCKET"] = "results"
			found := problems(t, test.env)
			require.Len(t, found, 1)
			require.Contains(t, found[0], test.want)
		})
	}
}

func TestAUserWithoutAPasswordIsAToken(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, with("NATS_USER", "token"), nil)
	require.NoError(t, err)
	require.Equal(t, "token", cfg.NATS.User)
}

func TestEverythingWrongIsToldAtOnce(t *testing.T) {
	t.Parallel()
	env := make(map[string]string)
	for _, setting := range config.Settings() {
		if setting.Type() != "string" {
			env[setting.Name] = "/does not/exist\x00"
		}
	}
	env["S3_BUCKET"] = "?"
	found := strings.Join(problems(t, env), "\n")
	for name := range env {
		require.Contains(t, found, name)
	}
	require.Contains(t, found, "NATS_USER must be set, because a password is", "rules about several settings apply all the same")
}

func TestProblemsKeepSecrets(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	found := strings.Join(problems(t, map[string]string{
		"NATS_URL":      "nats://user:" + secret + "@a:port",
		"NITRO_API_URL": "https://user:" + secret + "@a", "NITRO_API_TOKEN": secret, "NITRO_CLIENT_SECRET": secret,
		"NITRO_API_TOKEN_FILE": secret, "NATS_PASSWORD": secret, "NATS_NKEY": secret, "NATS_CREDS": secret,
		"WORKER_RESULT_HOSTS": "https://a/?X-Amz-Signature=" + secret,
	}), "\n")
	require.NotContains(t, found, secret)
	require.Contains(t, found, "NATS_URL must be a list of URLs")
	require.Contains(t, found, "NITRO_API_TOKEN_FILE must be a file that can be read")
}

func TestFilesMustHoldSomething(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, []byte(" \n"), 0o600))
	found := problems(t, with("NATS_CA", empty, "NATS_CREDS", dir))
	require.Len(t, found, 2)
	require.Contains(t, found[0], "NATS_CREDS=")
	require.Contains(t, found[0], "is a directory")
	require.Contains(t, found[1], "must be a file that is not empty")
}

func TestSecretsOfTheAPIMustFitIntoAHeader(t *testing.T) {
	t.Parallel()
	file := fileOf(t, "two\nlines")
	require.Equal(t, []string{"NITRO_API_TOKEN must be printable ASCII"}, problems(t, with("NITRO_API_TOKEN", "a\nb")))
	require.Equal(t, []string{fmt.Sprintf("NITRO_CLIENT_SECRET_FILE=%q must be a file that holds printable ASCII and nothing else", file)},
		problems(t, with("NITRO_API_TOKEN", "", "NITRO_CLIENT_ID", "id", "NITRO_CLIENT_SECRET_FILE", file)))
	_, err := load(t, with("NITRO_API_TOKEN", "", "NITRO_API_TOKEN_FILE", fileOf(t, " token\n")), nil)
	require.NoError(t, err, "white space around a secret is cut")
}

func TestLongValuesAreCut(t *testing.T) {
	t.Parallel()
	found := problems(t, with("WORKER_POLLS", strings.Repeat("9", 5000)))
	require.Less(t, len(found[0]), 300)
}

func TestOneProblemReadsWell(t *testing.T) {
	t.Parallel()
	_, err := load(t, with("WORKER_POLLS", "0"), nil)
	require.EqualError(t, err, "a setting is wrong:\n  WORKER_POLLS=\"0\" must be a whole number, 1 to 10000")
}
