package daemon

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/consumer"
	"github.com/jobferry/jobferry/internal/fetch"
	"github.com/jobferry/jobferry/internal/fetch/auth"
	"github.com/jobferry/jobferry/internal/httpclient"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/jobferry/jobferry/internal/sink"
	"github.com/stretchr/testify/require"
)

// everything is settings of which each has a value of its own, so that none
// can stand in for another.
func everything() config.Config {
	return config.Config{
		API: config.API{
			URL: "https://api.example.com", ClientID: "client", ClientSecret: secret.New("client secret"),
			ClientSecretFile: "/no/such/client-secret", Token: secret.New("token"), TokenFile: "/no/such/token",
			CA: "api-ca.pem", Cert: "api.pem", Key: "api.key",
		},
		S3: config.S3{
			Bucket: "results", Prefix: "prefix/", AllowedBuckets: []string{"other"}, StorageClass: "STANDARD_IA",
			SSE: "aws:kms", SSEKMSKeyID: "key", PathStyle: true, Checksum: "md5", Tags: map[string]string{"team": "docs"}, ACL: "private",
			CacheControl: "no-store", ContentDisposition: "attachment", BucketKeyEnabled: true, ExpectedBucketOwner: "111122223333", PartSize: 6 << 20,
		},
		Worker: config.Worker{
			SubjectPrefix: "ferry", StreamReplicas: 3, Polls: 41, Transfers: 42, PollRate: 43, PollTimeout: 52 * time.Second, DownloadStall: 53 * time.Second,
			Backoff:     retry.Policy{Initial: 44 * time.Second, Max: 45 * time.Second, Multiplier: 46},
			JobDeadline: 47 * time.Hour, MaxCrashes: 48, MaxResultBytes: 49, ResultHosts: []string{"files.example.com"},
			EventsMaxAge: 50 * time.Hour, DrainTimeout: 51 * time.Second,
			HTTPAddr: "127.0.0.1:0", LogLevel: "warn", LogFormat: "console",
		},
	}
}

// zeroMembers names the members of a struct that are zero, those of the
// structs in it too.
func zeroMembers(value reflect.Value, path string) []string {
	var zero []string
	for i := range value.NumField() {
		member, name := value.Field(i), path+value.Type().Field(i).Name
		switch {
		case member.Kind() == reflect.Struct && value.Type().Field(i).IsExported() && member.Type() != reflect.TypeFor[secret.String]():
			zero = append(zero, zeroMembers(member, name+".")...)
		case member.IsZero():
			zero = append(zero, name)
		}
	}
	return zero
}

func TestASettingThatIsNewIsNotForgottenHere(t *testing.T) {
	t.Parallel()
	for _, section := range []any{everything().API, everything().S3, everything().Worker} {
		require.Empty(t, zeroMembers(reflect.ValueOf(section), reflect.TypeOf(section).Name()+"."))
	}
}

func TestEverySettingReachesItsPackage(t *testing.T) {
	t.Parallel()
	subjects, err := broker.NewSubjects("ferry")
	require.NoError(t, err)
	settings, err := consumerConfig(everything())
	require.NoError(t, err)
	require.Equal(t, consumer.Config{
		Broker: broker.Config{Subjects: subjects, Replicas: 3, EventsMaxAge: 50 * time.Hour},
		Polls:  41, Transfers: 42, PollRate: 43,
		Backoff:    retry.Policy{Initial: 44 * time.Second, Max: 45 * time.Second, Multiplier: 46},
		MaxCrashes: 48, DrainTimeout: 51 * time.Second,
		Rules: job.Rules{Bucket: "results", AllowedBuckets: []string{"other"}, Tags: map[string]string{"team": "docs"}, Deadline: 47 * time.Hour},
	}, settings)
	require.Equal(t, []string{"Broker.AckWait", "Rules.AnyBucket"}, zeroMembers(reflect.ValueOf(settings), ""), "which only those who look, and tests, set")

	require.Equal(t, sink.Config{
		Bucket: "results", Prefix: "prefix/", StorageClass: "STANDARD_IA", SSE: "aws:kms", SSEKMSKeyID: "key",
		PathStyle: true, Checksum: sink.ModeMD5, Transfers: 42, Tags: map[string]string{"team": "docs"}, ACL: "private",
		CacheControl: "no-store", ContentDisposition: "attachment", BucketKeyEnabled: true, ExpectedBucketOwner: "111122223333", PartSize: 6 << 20,
	}, sinkConfig(everything()))
	require.Empty(t, zeroMembers(reflect.ValueOf(sinkConfig(everything())), ""))

	api := fetchConfig(everything())
	unset := zeroMembers(reflect.ValueOf(api), "")
	require.NotNil(t, api.ClientSecret)
	require.NotNil(t, api.Token)
	api.ClientSecret, api.Token = nil, nil // compared by the next test
	require.Equal(t, fetch.Config{
		BaseURL: "https://api.example.com", ClientID: "client", ResultHosts: []string{"files.example.com"},
		TLS:            httpclient.TLSFiles{CA: "api-ca.pem", Cert: "api.pem", Key: "api.key"},
		MaxResultBytes: 49, RequestTimeout: 52 * time.Second, StallLimit: 53 * time.Second, IdleConns: 42,
	}, api)
	withoutSetting := []string{"IdleLimit", "MinRate", "RateWindow", "RenewDelay"}
	for _, name := range unset {
		require.True(t, slices.Contains(withoutSetting, name), "%s is not set", name)
	}
}

func TestCredentialsAreThoseOfTheSettings(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("from the file\n"), 0o600))
	for name, test := range map[string]struct {
		api           config.API
		secret, token string
	}{
		"secret":      {config.API{ClientSecret: secret.New("a")}, "a", ""},
		"secret file": {config.API{ClientSecretFile: file}, "from the file", ""},
		"token":       {config.API{Token: secret.New("b")}, "", "b"},
		"token file":  {config.API{TokenFile: file}, "", "from the file"},
		"none":        {config.API{}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			composed := fetchConfig(config.Config{API: test.api})
			requireCredential(t, test.secret, composed.ClientSecret)
			requireCredential(t, test.token, composed.Token)
		})
	}
}

// requireCredential wants no credential at all, not an empty one, where want
// is empty: the API's client takes any for a credential that is set.
func requireCredential(t *testing.T, want string, have auth.Credential) {
	t.Helper()
	if want == "" {
		require.Nil(t, have)
		return
	}
	value, err := have.Secret()
	require.NoError(t, err)
	require.Equal(t, want, value.Reveal())
}

func TestConnectionsAreKeptForWhicheverNeedsMore(t *testing.T) {
	t.Parallel()
	require.Equal(t, 9, fetchConfig(config.Config{Worker: config.Worker{Polls: 9, Transfers: 2}}).IdleConns)
	require.Equal(t, 9, fetchConfig(config.Config{Worker: config.Worker{Polls: 2, Transfers: 9}}).IdleConns)
}

func TestABadSubjectPrefixIsAnError(t *testing.T) {
	t.Parallel()
	_, err := consumerConfig(config.Config{Worker: config.Worker{SubjectPrefix: "jobs.>"}})
	require.ErrorContains(t, err, `"jobs.>"`)
}
