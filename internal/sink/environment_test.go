package sink

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// mistakes are what is wrong with the AWS environment, by variable.
func mistakes(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	CheckEnvironment(t.Context(), func(variable, right string) {
		require.NotContains(t, found, variable, "told twice")
		require.NotContains(t, right, "\n")
		found[variable] = right
	})
	return found
}

func fileOf(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

const rightEndpoint = "must be a URL such as https://s3.example.com or http://minio:9000"

func TestAnEnvironmentThatIsRight(t *testing.T) {
	for name, variables := range map[string]map[string]string{
		"nothing":        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
		"endpoint":       {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000", "AWS_ENDPOINT_URL": "https://aws.example.com/s3"},
		"CA bundle":      {"AWS_CA_BUNDLE": fileOf(t, string(backend.front.CAPEM()))},
		"ignored":        {"AWS_ENDPOINT_URL_S3": "notaurl", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
		"profile":        {"AWS_PROFILE": "ours", "AWS_CONFIG_FILE": fileOf(t, "[profile ours]\nendpoint_url = http://minio:9000\n")},
		"token for late": {"AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such/file", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t, variables)
			require.Empty(t, mistakes(t))
		})
	}
}

func TestAnEnvironmentThatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		variable  string
		right     string
	}{
		"profile":        {map[string]string{"AWS_PROFILE": "nobody"}, "AWS_PROFILE", "must be a profile that stands in"},
		"no bundle":      {map[string]string{"AWS_CA_BUNDLE": "/no/such/file"}, "AWS_CA_BUNDLE", "must be a file that can be read; no such file or directory"},
		"broken bundle":  {map[string]string{"AWS_CA_BUNDLE": fileOf(t, "nonsense")}, "AWS_CA_BUNDLE", "must be a file that holds certificates in PEM"},
		"endpoint of S3": {map[string]string{"AWS_ENDPOINT_URL_S3": "notaurl"}, "AWS_ENDPOINT_URL_S3", rightEndpoint},
		"endpoint":       {map[string]string{"AWS_ENDPOINT_URL": "s3.example.com:9000"}, "AWS_ENDPOINT_URL", rightEndpoint},
		"endpoint in a file": {
			map[string]string{"AWS_PROFILE": "ours", "AWS_CONFIG_FILE": fileOf(t, "[profile ours]\nendpoint_url = notaurl\n")},
			"AWS_PROFILE", "must be a profile whose endpoint_url is a URL",
		},
		"bundle in a file": {
			map[string]string{"AWS_CONFIG_FILE": fileOf(t, "[default]\nca_bundle = /no/such/file\n")},
			"AWS_CONFIG_FILE", "or the file ~/.aws/config must be one that the AWS SDK can use; open /no/such/file",
		},
		"number": {map[string]string{"AWS_MAX_ATTEMPTS": "many"}, "AWS_MAX_ATTEMPTS", "must be a value that the AWS SDK can use; invalid value"},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t, test.variables)
			found := mistakes(t)
			require.Len(t, found, 1)
			require.Contains(t, found[test.variable], test.right)
		})
	}
}

func TestEverythingWrongWithAnEnvironmentIsToldAtOnce(t *testing.T) {
	isolate(t, map[string]string{"AWS_PROFILE": "nobody", "AWS_CA_BUNDLE": "/no/such/file", "AWS_ENDPOINT_URL_S3": "notaurl"})
	found := mistakes(t)
	require.Len(t, found, 3)
	for _, variable := range []string{"AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL_S3"} {
		require.Contains(t, found, variable)
	}
}
