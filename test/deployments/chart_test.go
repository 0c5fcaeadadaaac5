package deployments

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

const root = "../.."

var chartDir = filepath.Join(root, "deployments", "helm", "jobferry")

// manifest is one document as the API server takes it.
type manifest = map[string]any

// enough is what has no default.
const enough = `
settings: {S3_BUCKET: results, NITRO_CLIENT_ID: client}
files: {NITRO_CLIENT_SECRET_FILE: {secret: nitro, key: client-secret}}
`

// everything turns on what is off, and sets what is empty.
const everything = `
image: {repository: registry.example.com/jobferry, digest: sha256:` + digest + `}
imagePullSecrets: [{name: registry}]
settings: {S3_BUCKET: results, WORKER_SUBJECT_PREFIX: a.b, WORKER_DRAIN_TIMEOUT: 1m30.5s, WORKER_HTTP_ADDR: "0.0.0.0:9090"}
files:
  NITRO_API_TOKEN_FILE: {secret: nitro, key: token}
  NATS_CREDS: {secret: nats-worker, key: worker.creds}
  NATS_CA: {configMap: nats-ca, key: ca.crt}
setup: {files: {NATS_CREDS: {secret: nats-setup, key: setup.creds}}}
extraEnv: [{name: AWS_REGION, value: eu-central-1}]
extraEnvFrom: [{secretRef: {name: more}}]
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: arn}}
resources: {limits: {memory: 2Gi}}
nodeSelector: {disk: none}
tolerations: [{key: spot, operator: Exists}]
affinity: {nodeAffinity: {}}
priorityClassName: low
podAnnotations: {a: b}
podLabels: {c: d}
networkPolicy: {enabled: true, metricsFrom: [{podSelector: {}}], extraEgress: [{ports: [{port: 9000}]}]}
serviceMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true, watchFromZero: true, labels: {release: prometheus}}
dashboard: {enabled: true, annotations: {grafana_folder: Jobs}}
permissions: {enabled: true}
keda: {enabled: true}
`

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// keyOf is a manifest's kind, or a ConfigMap's name: there may be several.
func keyOf(t *testing.T, doc manifest) string {
	t.Helper()
	kind := at(t, doc, "kind").(string)
	if kind != "ConfigMap" {
		return kind
	}
	name := at(t, doc, "metadata", "name").(string)
	return regexp.MustCompile(`-[2456789bcdfghkmt]{10}$`).ReplaceAllString(name, "") // a hash of Kustomize's
}

// render returns the manifests of the chart by their keys, however they are
// split into files.
func render(t *testing.T, values string) map[string]manifest {
	t.Helper()
	rendered, err := tryRender(t, values)
	require.NoError(t, err)
	all := make(map[string]manifest)
	for name, content := range rendered {
		if filepath.Ext(name) != ".yaml" || strings.TrimSpace(content) == "" {
			continue
		}
		var doc manifest
		require.NoError(t, yaml.UnmarshalStrict([]byte(content), &doc), "%s:\n%s", name, content)
		require.NotContains(t, all, keyOf(t, doc))
		all[keyOf(t, doc)] = doc
	}
	return all
}

func tryRender(t *testing.T, values string) (map[string]string, error) {
	t.Helper()
	chart, err := loader.LoadDir(chartDir)
	require.NoError(t, err)
	var given map[string]any
	require.NoError(t, yaml.UnmarshalStrict([]byte(values), &given))
	top, err := util.ToRenderValues(chart, given, common.ReleaseOptions{Name: "jobferry", Namespace: "ferries"}, nil)
	if err != nil {
		return nil, err
	}
	return engine.Render(chart, top)
}

// at walks down a document: names of members, and indexes of lists.
func at(t *testing.T, doc any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch key := step.(type) {
		case string:
			require.IsType(t, manifest{}, doc, "above %s", key)
			require.Contains(t, doc, key)
			doc = doc.(manifest)[key]
		case int:
			require.IsType(t, []any{}, doc)
			require.Greater(t, len(doc.([]any)), key)
			doc = doc.([]any)[key]
		}
	}
	return doc
}

// variables are the environment of a workload's container.
func variables(t *testing.T, workload manifest) map[string]string {
	t.Helper()
	env := make(map[string]string)
	for _, entry := range at(t, workload, "spec", "template", "spec", "containers", 0, "env").([]any) {
		env[at(t, entry, "name").(string)] = at(t, entry, "value").(string)
	}
	return env
}

func TestChartIsWithoutLint(t *testing.T) {
	t.Parallel()
	for _, values := range []string{"{}", enough, everything} {
		var given map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(values), &given))
		result := lint.RunAll(chartDir, given, "ferries")
		for _, message := range result.Messages {
			require.LessOrEqual(t, message.Severity, support.InfoSev, message.Error())
		}
	}
}

func TestChartShipsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	least := []string{"Deployment", "Job", "PodDisruptionBudget", "Service", "ServiceAccount"}
	require.Equal(t, least, slices.Sorted(maps.Keys(render(t, enough))))
	all := slices.Sorted(slices.Values(append(least, "NetworkPolicy", "PrometheusRule", "ScaledObject", "ServiceMonitor",
		"jobferry-dashboard", "jobferry-permissions")))
	require.Equal(t, all, slices.Sorted(maps.Keys(render(t, everything))))
}

func TestChartRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		`{}`:                                                     "S3_BUCKET",
		`settings: {S3_BUCKET: b}`:                               "credentials of the job API",
		enough + `keda: {maxReplica: 3}`:                         "maxReplica",
		`settings: {WORKER_POLL: "3"}`:                           "WORKER_POLL",
		`settings: {WORKER_POLLS: 3}`:                            "WORKER_POLLS",
		`settings: {WORKER_DRAIN_TIMEOUT: soon}`:                 "WORKER_DRAIN_TIMEOUT",
		`files: {NATS_CREDS: {secret: s}}`:                       "NATS_CREDS",
		`files: {NATS_CREDS: {secret: s, configMap: m, key: k}}`: "NATS_CREDS",
	} {
		_, err := tryRender(t, values)
		require.ErrorContains(t, err, want, values)
	}
}

func TestPodsOutliveTheirDrain(t *testing.T) {
	t.Parallel()
	spec := func(values string) any { return at(t, render(t, values)["Deployment"], "spec", "template", "spec") }
	require.EqualValues(t, 35, at(t, spec(enough), "terminationGracePeriodSeconds"), "10 s above 25 s")
	require.EqualValues(t, 101, at(t, spec(everything), "terminationGracePeriodSeconds"), "10 s above 90.5 s, rounded up")
}

func TestPodsMayDoNothingButTheirWork(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Deployment", "Job"} {
		pod := at(t, render(t, enough)[kind], "spec", "template", "spec")
		require.Equal(t, false, at(t, pod, "automountServiceAccountToken"))
		require.Equal(t, true, at(t, pod, "securityContext", "runAsNonRoot"))
		require.Equal(t, "RuntimeDefault", at(t, pod, "securityContext", "seccompProfile", "type"))
		container := at(t, pod, "containers", 0, "securityContext")
		require.Equal(t, true, at(t, container, "readOnlyRootFilesystem"))
		require.Equal(t, false, at(t, container, "allowPrivilegeEscalation"))
		require.Equal(t, []any{"ALL"}, at(t, container, "capabilities", "drop"))
	}
}

func TestFilesAreMountedWhereTheSettingsSay(t *testing.T) {
	t.Parallel()
	all := render(t, everything)
	env := variables(t, all["Deployment"])
	require.Equal(t, "/etc/jobferry/NATS_CREDS", env["NATS_CREDS"])
	require.Equal(t, "eu-central-1", env["AWS_REGION"])
	pod := at(t, all["Deployment"], "spec", "template", "spec")
	require.Equal(t, manifest{"name": "files", "mountPath": "/etc/jobferry", "readOnly": true},
		at(t, pod, "containers", 0, "volumeMounts", 0), "a file that is mounted by itself is never renewed")
	source := func(kind, name, key, path string) any {
		return manifest{kind: manifest{"name": name, "items": []any{manifest{"key": key, "path": path}}}}
	}
	require.Equal(t, []any{
		source("configMap", "nats-ca", "ca.crt", "NATS_CA"), source("secret", "nats-worker", "worker.creds", "NATS_CREDS"),
		source("secret", "nitro", "token", "NITRO_API_TOKEN_FILE"),
	}, at(t, pod, "volumes", 0, "projected", "sources"))
}

func TestSetupGetsOnlyWhatItNeeds(t *testing.T) {
	t.Parallel()
	job := render(t, everything)["Job"]
	require.Equal(t, []any{"setup"}, at(t, job, "spec", "template", "spec", "containers", 0, "args"))
	require.Equal(t, []string{"NATS_CA", "NATS_CREDS", "NATS_URL", "WORKER_EVENTS_MAX_AGE", "WORKER_STREAM_REPLICAS", "WORKER_SUBJECT_PREFIX"},
		slices.Sorted(maps.Keys(variables(t, job))))
	sources := at(t, job, "spec", "template", "spec", "volumes", 0, "projected", "sources")
	require.Len(t, sources, 2)
	require.Equal(t, "nats-setup", at(t, sources, 1, "secret", "name"), "its own credentials beat the worker's")
}
