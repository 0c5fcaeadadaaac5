package deployments

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write deployments/monitoring/prometheusrule.yaml anew")

// alertsFile are the rules as Prometheus reads them.
func alertsFile(t *testing.T) (file manifest) {
	t.Helper()
	require.NoError(t, yaml.UnmarshalStrict([]byte(readFile(t, "deployments/monitoring/alerts.yaml")), &file))
	return file
}

// Prometheus and its operator want the same rules in files of two forms.
func TestAlertsOfTheOperatorAreThoseOfPrometheus(t *testing.T) {
	t.Parallel()
	labels := manifest{"app.kubernetes.io/name": "jobferry", "app.kubernetes.io/instance": "jobferry"}
	content, err := yaml.Marshal(manifest{
		"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
		"metadata": manifest{"name": "jobferry", "labels": labels}, "spec": alertsFile(t),
	})
	require.NoError(t, err)
	want := "# Made of alerts.yaml by `go test -C test/deployments . -update`.\n" + string(content)
	const name = "deployments/monitoring/prometheusrule.yaml"
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(want), 0o644))
	}
	require.Equal(t, want, readFile(t, name), "run `go test -C test/deployments . -update`")
}

func TestChartShipsTheAlerts(t *testing.T) {
	t.Parallel()
	all := alertsFile(t)
	require.Equal(t, all, at(t, render(t, enough+"prometheusRule: {enabled: true}")["PrometheusRule"], "spec"))

	fromZero := at(t, render(t, everything)["PrometheusRule"], "spec", "groups", 0, "rules").([]any)
	rules := at(t, all, "groups", 0, "rules").([]any)
	require.Equal(t, "JobferryDown", at(t, rules, 0, "alert"))
	require.Equal(t, rules[1:], fromZero, "no worker is normal")
	fromOne := render(t, enough+"prometheusRule: {enabled: true}\nkeda: {enabled: true, minReplicas: 1}")
	require.Equal(t, all, at(t, fromOne["PrometheusRule"], "spec"))
}

// TestChartWatchesFromZero by the names that its streams and its ScaledObject
// have, and only where it is asked to.
func TestChartWatchesFromZero(t *testing.T) {
	t.Parallel()
	groups := func(values string) string {
		content, err := yaml.Marshal(at(t, render(t, values)["PrometheusRule"], "spec", "groups"))
		require.NoError(t, err)
		return string(content)
	}
	require.NotContains(t, groups(enough+"prometheusRule: {enabled: true}"), "num_pending")

	const watched = "prometheusRule: {enabled: true, watchFromZero: true}\nfullnameOverride: "
	shipped := at(t, render(t, enough+watched+"jobferry")["PrometheusRule"], "spec", "groups", 1)
	var file manifest
	require.NoError(t, yaml.UnmarshalStrict([]byte(readFile(t, "deployments/monitoring/alerts_from_zero.yaml")), &file))
	require.Equal(t, at(t, file, "groups", 0), shipped)

	scaled := render(t, everything+"fullnameOverride: ferry")["ScaledObject"]
	named := groups(everything + "fullnameOverride: ferry")
	require.Contains(t, named, fmt.Sprintf(`scaledObject="%s"`, at(t, scaled, "metadata", "name")))
	for i := range 2 {
		trigger := at(t, scaled, "spec", "triggers", i, "metadata")
		require.Contains(t, named, `consumer_name="`+at(t, trigger, "consumer").(string)+`"`)
		require.Regexp(t, `stream_name=~"(\w+\|)*`+at(t, trigger, "stream").(string)+`[|"]`, named)
	}
	require.NotContains(t, named, "JOBS")
}

func TestChartShipsTheDashboard(t *testing.T) {
	t.Parallel()
	configMap := render(t, everything)["jobferry-dashboard"]
	require.JSONEq(t, readFile(t, "deployments/monitoring/dashboard.json"), at(t, configMap, "data", "jobferry.json").(string))
	require.Equal(t, "1", at(t, configMap, "metadata", "labels", "grafana_dashboard"), "Grafana's sidecar looks for it")
}

// permissions are those that the chart ships, by the names of their files.
func permissions(t *testing.T, settings string) manifest {
	t.Helper()
	values := "settings: {" + settings + "}\nfiles: {NITRO_API_TOKEN_FILE: {secret: s, key: k}}\npermissions: {enabled: true}"
	return at(t, render(t, values)["jobferry-permissions"], "data").(manifest)
}

func TestChartShipsThePermissions(t *testing.T) {
	t.Parallel()
	shipped := permissions(t, "S3_BUCKET: results")
	files, err := filepath.Glob(filepath.Join(root, "deployments", "permissions", "*"))
	require.NoError(t, err)
	require.Len(t, shipped, len(files))
	for _, file := range files {
		name := filepath.Base(file)
		require.Equal(t, strings.TrimSpace(readFile(t, "deployments/permissions/"+name)), strings.TrimSpace(shipped[name].(string)))
	}
}

// subjects are the strings that a file of permissions holds.
func subjects(text any) (all []string) {
	for i, part := range strings.Split(text.(string), `"`) {
		if i%2 == 1 {
			all = append(all, part)
		}
	}
	return all
}

func TestPermissionsOfTheChartFollowThePrefix(t *testing.T) {
	t.Parallel()
	plain, prefixed := permissions(t, "S3_BUCKET: b"), permissions(t, "S3_BUCKET: b, WORKER_SUBJECT_PREFIX: a.b")
	for name := range plain {
		if filepath.Ext(name) != ".conf" {
			continue
		}
		want := subjects(plain[name])
		for i, subject := range want {
			tokens := strings.Split(subject, ".")
			for j, token := range tokens {
				if rest, ok := strings.CutPrefix(token, "JOBS"); ok {
					tokens[j] = "A_B" + rest
				}
			}
			if tokens[0] == "jobs" {
				tokens[0] = "a.b"
			}
			want[i] = strings.Join(tokens, ".")
		}
		require.Equal(t, want, subjects(prefixed[name]), name)
	}
}

func TestPolicyOfTheChartNamesEveryBucket(t *testing.T) {
	t.Parallel()
	var policy struct {
		Statement []struct {
			Action   []string
			Resource any
		}
	}
	text := permissions(t, `S3_BUCKET: a, S3_ALLOWED_BUCKETS: "b, arn:aws:s3:eu-west-1:1:accesspoint/c"`)["s3-worker.json"].(string)
	require.NoError(t, json.Unmarshal([]byte(text), &policy))
	require.Len(t, policy.Statement, 2)
	require.Equal(t, []any{"arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:s3:eu-west-1:1:accesspoint/c"}, policy.Statement[0].Resource)
	require.Equal(t, []any{"arn:aws:s3:::a/*", "arn:aws:s3:::b/*", "arn:aws:s3:eu-west-1:1:accesspoint/c/object/*"}, policy.Statement[1].Resource)
	require.True(t, slices.Contains(policy.Statement[1].Action, "s3:PutObject"))
}
