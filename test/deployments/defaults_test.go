package deployments

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// defaultOf is a setting's default, as one would write it.
func defaultOf(t *testing.T, name string) string {
	t.Helper()
	for _, s := range config.Settings() {
		if s.Name == name {
			return s.Default
		}
	}
	require.Fail(t, "there is no setting "+name)
	return ""
}

func durationOf(t *testing.T, name string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(defaultOf(t, name))
	require.NoError(t, err)
	return d
}

// chartValues are the chart's defaults that follow from others.
type chartValues struct {
	Replicas      int
	NetworkPolicy struct{ NatsPort int }
	Keda          struct{ JobsPerPod, DuePerPod, CooldownPeriod, PollingInterval, FallbackReplicas int }
}

func chartDefaults(t *testing.T) (values chartValues) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "deployments/helm/jobferry/values.yaml")), &values))
	return values
}

func TestDefaultsOfTheChartFitTheWorker(t *testing.T) {
	t.Parallel()
	values := chartDefaults(t)
	require.Equal(t, defaultOf(t, "WORKER_POLLS"), strconv.Itoa(values.Keda.JobsPerPod))
	require.Equal(t, defaultOf(t, "WORKER_POLLS"), strconv.Itoa(values.Keda.DuePerPod))
	require.Equal(t, values.Replicas, values.Keda.FallbackReplicas)
	require.GreaterOrEqual(t, time.Duration(values.Keda.CooldownPeriod)*time.Second, 5*durationOf(t, "WORKER_BACKOFF_MAX"), "far longer")
	broker, err := url.Parse(inACluster["NATS_URL"])
	require.NoError(t, err)
	require.Equal(t, broker.Port(), strconv.Itoa(values.NetworkPolicy.NatsPort))

	base := build(t, "base")
	require.Equal(t, inACluster["NATS_URL"], effective(t, base["Deployment"], base["jobferry"])["NATS_URL"])
}

// moduleVersion is the version that go.mod requires of a module.
func moduleVersion(t *testing.T, path string) string {
	t.Helper()
	found := regexp.MustCompile(regexp.QuoteMeta(path) + ` v(\S+)`).FindStringSubmatch(readFile(t, "go.mod"))
	require.NotNil(t, found, path)
	return found[1]
}

func TestComposeIsOfOnePiece(t *testing.T) {
	t.Parallel()
	services := compose(t).Services
	worker, store := services["worker"], services["s3"]
	for _, name := range []string{"nats-1", "nats-2", "nats-3"} {
		require.Equal(t, "nats:"+moduleVersion(t, "github.com/nats-io/nats-server/v2")+"-alpine", services[name].Image, "what the tests run against")
	}
	require.Equal(t, "versity/versitygw:v"+moduleVersion(t, "github.com/versity/versitygw"), store.Image)

	require.Equal(t, worker.Environment["AWS_ACCESS_KEY_ID"], store.Environment["ROOT_ACCESS_KEY"])
	require.Equal(t, worker.Environment["AWS_SECRET_ACCESS_KEY"], store.Environment["ROOT_SECRET_KEY"])
	endpoint, err := url.Parse(*worker.Environment["AWS_ENDPOINT_URL_S3"])
	require.NoError(t, err)
	require.Equal(t, "s3", endpoint.Hostname())
	require.Equal(t, endpoint.Port(), strconv.Itoa(int(store.Ports[0].Target)))
	require.Equal(t, "/data/"+*worker.Environment["S3_BUCKET"], store.Volumes[1].Target, "a folder is a bucket")
	for broker := range strings.SplitSeq(*worker.Environment["NATS_URL"], ",") {
		address, err := url.Parse(broker)
		require.NoError(t, err)
		require.Contains(t, services, address.Hostname())
	}
	for _, name := range []string{"nats-1", "s3"} {
		require.Equal(t, "127.0.0.1", services[name].Ports[0].HostIP, "for this machine alone")
	}
}

// grace are the seconds that the chart's pods get to end.
func grace(t *testing.T, values string) float64 {
	t.Helper()
	return at(t, render(t, values)["Deployment"], "spec", "template", "spec", "terminationGracePeriodSeconds").(float64)
}

// Figures that a sentence names, made of what they come from.
func TestSentencesNameDefaultsAsTheyAre(t *testing.T) {
	t.Parallel()
	perPod := chartDefaults(t).Keda.JobsPerPod
	prefix, drain := defaultOf(t, "WORKER_SUBJECT_PREFIX"), durationOf(t, "WORKER_DRAIN_TIMEOUT")
	ackWait := fmt.Sprintf("ack wait of %.0f s", broker.DefaultAckWait.Seconds())
	for _, row := range [][2]string{
		{"README.md", fmt.Sprintf("Give a pod %.0f s more", grace(t, enough)-drain.Seconds())},
		{"deployments/README.md", fmt.Sprintf("grace period follows (here %v s)", grace(t, strings.Replace(enough, "{", "{WORKER_DRAIN_TIMEOUT: 2m, ", 1)))},
		{"deployments/README.md", fmt.Sprintf("at %d for each pod, that is %d pods and not %d.", perPod, 320/perPod, 640/perPod)},
		{"docs/ARCHITECTURE.md", ackWait},
		{"docs/GUARANTEES.md", ackWait},
		{"docs/EVENTS.md", fmt.Sprintf("(%.0f hours unless set otherwise)", durationOf(t, "WORKER_EVENTS_MAX_AGE").Hours())},
		{"docs/permissions.md", fmt.Sprintf("the default `WORKER_SUBJECT_PREFIX`, `%s`:", prefix)},
		{"docs/asyncapi.yaml", fmt.Sprintf("`WORKER_SUBJECT_PREFIX`; `%s` is the default", prefix)},
		{"examples/javascript/submit.js", fmt.Sprintf("process.env.NATS_URL ?? %q", defaultOf(t, "NATS_URL"))},
		{"examples/javascript/subscribe.js", fmt.Sprintf("process.env.NATS_URL ?? %q", defaultOf(t, "NATS_URL"))},
	} {
		text := strings.Join(strings.Fields(readFile(t, row[0])), " ")
		require.True(t, strings.Contains(text, row[1]), "%s does not say: %s", row[0], row[1])
	}
}

// takes tells whether the worker takes a value.
func takes(t *testing.T, name, value string) bool {
	t.Helper()
	env := map[string]string{"S3_BUCKET": "results", "NITRO_API_TOKEN": "token", name: value}
	_, err := config.Bind(pflag.NewFlagSet("", pflag.ContinueOnError)).Load(func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	})
	return err == nil
}

func TestSchemaOfTheValuesRefusesWhatTheWorkerRefuses(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]map[string]bool{
		"WORKER_LOG_LEVEL":     {"debug": true, "info": true, "warn": true, "error": true, "loud": false},
		"WORKER_LOG_FORMAT":    {"json": true, "console": true, "xml": false},
		"S3_PATH_STYLE":        {"true": true, "false": true, "perhaps": false},
		"WORKER_POLLS":         {"1": true, "10000": true, "0": false, "10001": false, "many": false},
		"WORKER_TRANSFERS":     {"9999": true, "2147483647": false, "-1": false},
		"WORKER_DRAIN_TIMEOUT": {"1m30.5s": true, "500ms": true, "5": false, "soon": false, "-1s": false},
		"WORKER_HTTP_ADDR":     {"0.0.0.0:9090": true, "[::]:80": true, "nowhere": false},
	} {
		for value, want := range values {
			require.Equal(t, want, takes(t, name, value), "%s=%s", name, value)
			_, err := tryRender(t, strings.Replace(enough, "{", fmt.Sprintf("{%s: %q, ", name, value), 1))
			require.Equal(t, want, err == nil, "%s=%s: %v", name, value, err)
		}
	}
}
