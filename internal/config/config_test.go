package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// enough is what has no default.
func enough() map[string]string {
	return map[string]string{"NITRO_API_TOKEN": "hunter2", "S3_BUCKET": "results"}
}

// with returns the least settings and some more.
func with(pairs ...string) map[string]string {
	env := enough()
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return env
}

// load reads all sections, or some, from an environment and arguments.
func load(t *testing.T, env map[string]string, args []string, sections ...config.Section) (config.Config, error) {
	t.Helper()
	return loadWith(t, env, args, nil, sections...)
}

// loadWith is load with more checks.
func loadWith(t *testing.T, env map[string]string, args []string, more []config.Check, sections ...config.Section) (config.Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	loader := config.Bind(flags, sections...)
	require.NoError(t, flags.Parse(args))
	return loader.Load(func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	}, more...)
}

// problems are the lines of everything that is wrong.
func problems(t *testing.T, env map[string]string, args ...string) []string {
	t.Helper()
	cfg, err := load(t, env, args)
	require.Error(t, err)
	require.Equal(t, config.Config{}, cfg, "wrong settings are not to be used")
	var all *config.Problems
	require.ErrorAs(t, err, &all)
	lines := make([]string, 0, len(all.List))
	for _, problem := range all.List {
		lines = append(lines, problem.String())
		require.Contains(t, err.Error(), problem.String())
	}
	return lines
}

// fileOf returns the path of a new file.
func fileOf(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, enough(), nil)
	require.NoError(t, err)
	require.Equal(t, "hunter2", cfg.API.Token.Reveal())
	require.Equal(t, config.NATS{URL: "nats://127.0.0.1:4222"}, cfg.NATS)
	require.Equal(t, "https://api.gonitro.dev", cfg.API.URL)
	require.Equal(t, config.S3{Bucket: "results", Checksum: "auto"}, cfg.S3)
	require.Equal(t, config.Worker{
		SubjectPrefix: "jobs", StreamReplicas: 1, Polls: 64, Transfers: 16, PollTimeout: 30 * time.Second, DownloadStall: 30 * time.Second,
		Backoff:     retry.Policy{Initial: time.Second, Max: 30 * time.Second, Multiplier: 1.5},
		JobDeadline: time.Hour, MaxCrashes: 5, MaxResultBytes: 5 << 30, EventsMaxAge: 72 * time.Hour,
		DrainTimeout: 25 * time.Second, HTTPAddr: ":8080", LogLevel: "info", LogFormat: "json",
	}, cfg.Worker)
}

func TestEverySettingIsRead(t *testing.T) {
	t.Parallel()
	file := fileOf(t, "content")
	cert, key := pair(t)
	cfg, err := load(t, map[string]string{
		"NATS_URL": "nats://a:4222, tls://b,c:4223", "NATS_USER": "u", "NATS_PASSWORD_FILE": file, "NATS_CA": cert,
		"NATS_CERT": cert, "NATS_KEY": key, "NATS_CONTEXT": "prod",
		"NITRO_API_URL": "http://127.0.0.1:9080/v1", "NITRO_CLIENT_ID": "id", "NITRO_CLIENT_SECRET_FILE": file,
		"NITRO_API_CA": cert, "NITRO_API_CERT": cert, "NITRO_API_KEY": key,
		"S3_BUCKET": "arn:aws:s3:eu-west-1:1:accesspoint/x", "S3_PREFIX": "a/b-", "S3_ALLOWED_BUCKETS": "one1, two2,",
		"S3_STORAGE_CLASS": "STANDARD_IA", "S3_SSE": "aws:kms", "S3_SSE_KMS_KEY_ID": "key", "S3_PATH_STYLE": "true", "S3_CHECKSUM": "md5",
		"S3_TAGS": "team=docs&kind=a%20b", "S3_ACL": "private", "S3_CACHE_CONTROL": "no-store", "S3_CONTENT_DISPOSITION": "attachment",
		"S3_BUCKET_KEY_ENABLED": "true", "S3_EXPECTED_BUCKET_OWNER": "111122223333", "S3_PART_SIZE": "8MiB",
		"WORKER_SUBJECT_PREFIX": "a.b", "WORKER_STREAM_REPLICAS": "3", "WORKER_POLLS": "1", "WORKER_TRANSFERS": "2",
		"WORKER_POLL_RATE": "0.5", "WORKER_POLL_TIMEOUT": "45s", "WORKER_DOWNLOAD_STALL": "46s", "WORKER_BACKOFF_INITIAL": "10ms", "WORKER_BACKOFF_MAX": "20ms", "WORKER_BACKOFF_MULTIPLIER": "2",
		"WORKER_JOB_DEADLINE": "2h", "WORKER_MAX_CRASHES": "7", "WORKER_MAX_RESULT_BYTES": "500MB",
		"WORKER_RESULT_HOSTS": "127.0.0.1:80,[::1]:443,::1,*.example.com", "WORKER_EVENTS_MAX_AGE": "1m", "WORKER_DRAIN_TIMEOUT": "1s",
		"WORKER_HTTP_ADDR": "127.0.0.1:0", "WORKER_LOG_LEVEL": "debug", "WORKER_LOG_FORMAT": "console",
	}, nil)
	require.NoError(t, err)
	require.Equal(t, config.Config{
		NATS: config.NATS{
			URL: "nats://a:4222, tls://b,c:4223", User: "u", PasswordFile: file, CA: cert, Cert: cert, Key: key, Context: "prod",
		},
		API: config.API{URL: "http://127.0.0.1:9080/v1", ClientID: "id", ClientSecretFile: file, CA: cert, Cert: cert, Key: key},
		S3: config.S3{
			Bucket: "arn:aws:s3:eu-west-1:1:accesspoint/x", Prefix: "a/b-", AllowedBuckets: []string{"one1", "two2"},
			StorageClass: "STANDARD_IA", SSE: "aws:kms", SSEKMSKeyID: "key", PathStyle: true, Checksum: "md5",
			Tags: map[string]string{"team": "docs", "kind": "a b"}, ACL: "private", CacheControl: "no-store", ContentDisposition: "attachment",
			BucketKeyEnabled: true, ExpectedBucketOwner: "111122223333", PartSize: 8 << 20,
		},
		Worker: config.Worker{
			SubjectPrefix: "a.b", StreamReplicas: 3, Polls: 1, Transfers: 2, PollRate: 0.5, PollTimeout: 45 * time.Second, DownloadStall: 46 * time.Second,
			Backoff:     retry.Policy{Initial: 10 * time.Millisecond, Max: 20 * time.Millisecond, Multiplier: 2},
			JobDeadline: 2 * time.Hour, MaxCrashes: 7, MaxResultBytes: 500_000_000,
			ResultHosts: []string{"127.0.0.1:80", "[::1]:443", "::1", "*.example.com"}, EventsMaxAge: time.Minute, DrainTimeout: time.Second,
			HTTPAddr: "127.0.0.1:0", LogLevel: "debug", LogFormat: "console",
		},
	}, cfg)
}

func TestFlagBeatsEnvironmentBeatsDefault(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, with("WORKER_POLLS", "7", "S3_PREFIX", "env/"), []string{"--worker-polls", "9", "--s3-path-style"})
	require.NoError(t, err)
	require.Equal(t, 9, cfg.Worker.Polls)
	require.Equal(t, "env/", cfg.S3.Prefix)
	require.True(t, cfg.S3.PathStyle, "a boolean flag needs no value")

	cfg, err = load(t, with("S3_PREFIX", "env/"), []string{"--s3-prefix="})
	require.NoError(t, err)
	require.Empty(t, cfg.S3.Prefix, "an empty flag stands for the default")
}

func TestAnEmptyVariableIsUnset(t *testing.T) {
	t.Parallel()
	env := enough()
	for _, setting := range config.Settings() {
		if _, set := env[setting.Name]; !set {
			env[setting.Name] = ""
		}
	}
	cfg, err := load(t, env, nil)
	require.NoError(t, err)
	require.Equal(t, 64, cfg.Worker.Polls)
	env["S3_BUCKET"] = ""
	require.Equal(t, []string{"S3_BUCKET must be set: the bucket that results are stored in"}, problems(t, env))
}

func TestSectionsThatWereNotAskedForAreNotMissed(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, map[string]string{"WORKER_POLLS": "nonsense", "S3_BUCKET": "?"}, nil,
		config.SectionNATS, config.SectionSubjects)
	require.NoError(t, err)
	require.Equal(t, config.Config{
		NATS:   config.NATS{URL: "nats://127.0.0.1:4222"},
		Worker: config.Worker{SubjectPrefix: "jobs"},
	}, cfg)
}

func TestAContextSaysWhereUnlessTheURLIsSet(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, with("NATS_CONTEXT", "prod"), nil)
	require.NoError(t, err)
	require.Empty(t, cfg.NATS.URL)
	cfg, err = load(t, with("NATS_CONTEXT", "prod", "NATS_URL", "nats://a"), nil)
	require.NoError(t, err)
	require.Equal(t, "nats://a", cfg.NATS.URL)
}

func TestFlagsTellOfEverySetting(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Bind(flags)
	usage := flags.FlagUsages()
	seen := make(map[string]bool)
	for _, setting := range config.Settings() {
		require.Contains(t, usage, "--"+setting.Flag()+" ", setting.Name)
		require.Contains(t, usage, "$"+setting.Name+"]")
		require.Contains(t, usage, setting.Help)
		require.NotEmpty(t, setting.Help, setting.Name)
		require.NotContains(t, setting.Help, "\n")
		require.False(t, seen[setting.Name], "%s stands twice", setting.Name)
		require.Equal(t, strings.ToUpper(setting.Name), setting.Name)
		require.False(t, setting.Secret && setting.Default != "")
		seen[setting.Name] = true
	}
	require.Contains(t, usage, `(default 64)`)
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"NATS_USER": "u", "NATS_PASSWORD": "hunter2", "NITRO_CLIENT_ID": "id", "NITRO_CLIENT_SECRET": "hunter2", "S3_BUCKET": "results",
	}
	cfg, err := load(t, env, []string{"--nats-password", "hunter2"})
	require.NoError(t, err)
	require.Equal(t, "hunter2", cfg.NATS.Password.Reveal())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(verb, cfg), "hunter2", verb)
		require.NotContains(t, fmt.Sprintf(verb, &cfg), "hunter2", verb)
	}
}
