package fetch

import (
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/fetch/auth"
	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/secret"
)

func validConfig() Config {
	return Config{BaseURL: "https://api.gonitro.dev", Token: auth.FixedCredential(secret.New("x"))}
}

func TestConfigIsValidWithDefaults(t *testing.T) {
	t.Parallel()
	cfg := validConfig()
	require.NoError(t, cfg.Validate())
	cfg = cfg.withDefaults()
	require.EqualValues(t, 5<<30, cfg.MaxResultBytes)
	require.Equal(t, 30*time.Second, cfg.RequestTimeout)
	require.Equal(t, 15*time.Second, cfg.IdleLimit)
	require.Equal(t, 30*time.Second, cfg.StallLimit)
}

func TestConfigProblems(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"NITRO_API_TOKEN: the secret is empty": func(c *Config) { c.Token = auth.FixedCredential(secret.String{}) },
		"NITRO_CLIENT_SECRET: read the secret file": func(c *Config) {
			c.Token, c.ClientID, c.ClientSecret = nil, "id", auth.FileCredential("/does/not/exist")
		},
		`WORKER_RESULT_HOSTS: "a b"`: func(c *Config) { c.ResultHosts = []string{"a b"} },
		"the largest result is -1":   func(c *Config) { c.MaxResultBytes = -1 },
		"the request timeout is -1s": func(c *Config) { c.RequestTimeout = -time.Second },
		"the idle limit is -1s":      func(c *Config) { c.IdleLimit = -time.Second },
		"the stall limit is -1s":     func(c *Config) { c.StallLimit = -time.Second },
		"the renewal delay is -1s":   func(c *Config) { c.RenewDelay = -time.Second },
		"the smallest rate is -1":    func(c *Config) { c.MinRate = -1 },
		"of the rate is -1s":         func(c *Config) { c.RateWindow = -time.Second },
		"idle connections is -1":     func(c *Config) { c.IdleConns = -1 },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			cfg := validConfig()
			change(&cfg)
			requireProblem(t, cfg, want)
		})
	}
}

func requireProblem(t *testing.T, cfg Config, want string) {
	t.Helper()
	err := cfg.Validate()
	require.ErrorContains(t, err, want)
	fetchtest.RequireNoSecret(t, err)

	_, err = New(cfg, zap.NewNop(), prometheus.NewRegistry())
	require.ErrorContains(t, err, want)
}

func TestBaseURLsThatAreWrong(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"": "such as", "api.test": "such as", "ftp://a": "such as", "https://:443": "such as", "https://u:hunter2@a:b/": "such as",
		"https://u:hunter2@a/": "without user", "https://a/?signature=hunter2": "without query", "https://a/#hunter2": "and fragment",
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			cfg := validConfig()
			cfg.BaseURL = raw
			requireProblem(t, cfg, "NITRO_API_URL must be a URL ")
			requireProblem(t, cfg, want)
		})
	}
}

// There is one way to be authorized, and only one.
func TestCredentialsThatAreWrong(t *testing.T) {
	t.Parallel()
	value := auth.FixedCredential(secret.New("hunter2"))
	for want, change := range map[string]func(*Config){
		"NITRO_API_TOKEN must not be set beside":                            func(c *Config) { c.ClientID, c.ClientSecret = "id", value },
		"NITRO_API_TOKEN must not be set beside client credentials: set":    func(c *Config) { c.ClientID = "id" },
		"NITRO_CLIENT_ID must be set, together":                             func(c *Config) { c.Token = nil },
		"NITRO_CLIENT_ID must be set, because NITRO_CLIENT_SECRET is":       func(c *Config) { c.Token, c.ClientSecret = nil, value },
		"NITRO_CLIENT_SECRET or NITRO_CLIENT_SECRET_FILE must be set, beca": func(c *Config) { c.Token, c.ClientID = nil, "id" },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			cfg := validConfig()
			change(&cfg)
			requireProblem(t, cfg, want)
		})
	}
}

func TestConfigReportsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	err := Config{BaseURL: "x", ResultHosts: []string{"[", "a:b"}, IdleLimit: -1}.Validate()
	for _, want := range []string{"NITRO_API_URL", "NITRO_CLIENT_ID", `"["`, `"a:b"`, "idle limit"} {
		require.ErrorContains(t, err, want)
	}
}

func TestNewRefusesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := New(validConfig(), nil, prometheus.NewRegistry())
	require.Error(t, err)
	_, err = New(validConfig(), zap.NewNop(), nil)
	require.Error(t, err)

	reg := prometheus.NewRegistry()
	_, err = New(validConfig(), zap.NewNop(), reg)
	require.NoError(t, err)
	_, err = New(validConfig(), zap.NewNop(), reg)
	require.ErrorContains(t, err, "metrics")
}

func TestMetricsStartAtZero(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	client, err := New(validConfig(), zap.NewNop(), reg)
	require.NoError(t, err)
	series := func() map[string]int {
		families, err := reg.Gather()
		require.NoError(t, err)
		found := map[string]int{}
		for _, family := range families {
			found[family.GetName()] = len(family.GetMetric())
		}
		return found
	}
	want := map[string]int{
		"jobferry_api_requests_total": 30, "jobferry_api_request_duration_seconds": 3,
		"jobferry_download_resumes_total": 1, "jobferry_download_renewals_total": 1,
	}
	require.Equal(t, want, series())

	// No status code, not even one that does not exist, adds a series.
	for code := range 1000 {
		client.api.Transport = fetchtest.Replies(code, "")
		_, _ = client.Status(t.Context(), fetchtest.ID)
	}
	require.Equal(t, want, series())
}

func TestCodeLabel(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{
		http.StatusOK: "2xx", 204: "2xx", 302: "3xx", 400: "4xx", 401: "401", 404: "404", 408: "408", 410: "410", 429: "429", 503: "5xx", 999: "error", 100: "error",
	} {
		require.Equal(t, want, codeLabel(code))
		require.Contains(t, codes(), want)
	}
}
