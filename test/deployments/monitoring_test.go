package deployments

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/jobferry/jobferry/internal/simulator"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// scrapeLabels are what Prometheus adds to what the worker says.
var scrapeLabels = []string{"job", "instance"}

// alert is one rule of alerts.yaml, or of alerts_from_zero.yaml.
type alert struct {
	Name        string            `json:"alert"`
	Expr        string            `json:"expr"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T, name string) []alert {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	text, err := os.ReadFile(filepath.Join(root, "deployments", "monitoring", name))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &file))
	var all []alert
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

// dashboardQueries are the expressions of all panels, by the panels' titles.
func dashboardQueries(t *testing.T) map[string][]string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "deployments", "monitoring", "dashboard.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &dashboard))
	queries := map[string][]string{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries[panel.Title] = append(queries[panel.Title], grafanaVariables.Replace(target.Expr))
		}
		require.True(t, panel.Type == "row" || len(panel.Targets) > 0, "%s shows nothing", panel.Title)
	}
	require.NotEmpty(t, queries)
	return queries
}

// grafanaVariables stand for what Grafana puts in.
var grafanaVariables = strings.NewReplacer("$__rate_interval", "5m", "$job", ".+")

// metricsOf are the families of a worker that has just started.
func metricsOf(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	api, err := simulator.Start(simulator.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, api.Close()) })
	addr, stop := startWorker(t, settings(startMonitored(t).ClientURL(), api.APIURL()))
	defer stop()
	require.Eventually(t, func() bool {
		ready, err := http.Get("http://" + addr + "/readyz")
		return err == nil && ready.Body.Close() == nil && ready.StatusCode == http.StatusOK
	}, patience, 10*time.Millisecond)
	answer, err := http.Get("http://" + addr + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	return families
}

// TestQueriesFindTheirMetrics: whatever an alert or the dashboard asks for, a
// worker exports from its start, under these labels and values.
func TestQueriesFindTheirMetrics(t *testing.T) {
	families := metricsOf(t)
	queries := dashboardQueries(t)
	for _, a := range alerts(t, "alerts.yaml") {
		queries[a.Name] = append(queries[a.Name], a.Expr)
	}
	asked := map[string]bool{}
	for name, expressions := range queries {
		for _, expression := range expressions {
			parsed, err := metricsql.Parse(expression)
			require.NoError(t, err, "%s: %s", name, expression)
			metricsql.VisitAll(parsed, func(e metricsql.Expr) {
				if selector, ok := e.(*metricsql.MetricExpr); ok {
					for _, filters := range selector.LabelFilterss {
						asked[requireSeries(t, families, filters, name)] = true
					}
				}
			})
		}
	}
	for family := range families {
		if strings.HasPrefix(family, "jobferry_") {
			require.True(t, asked[family], "nobody looks at %s", family)
		}
	}
}

// requireSeries holds a selector against what is exported, and returns the
// name of its family.
func requireSeries(t *testing.T, families map[string]*dto.MetricFamily, filters []metricsql.LabelFilter, where string) string {
	t.Helper()
	require.Equal(t, "__name__", filters[0].Label, where)
	name := strings.TrimSuffix(filters[0].Value, "_bucket")
	family := families[name]
	require.NotNil(t, family, "%s: no worker exports %s", where, filters[0].Value)
	require.Equal(t, family.GetType() == dto.MetricType_HISTOGRAM, name != filters[0].Value, "%s: %s", where, name)
	for _, filter := range filters[1:] {
		if slices.Contains(scrapeLabels, filter.Label) {
			continue
		}
		require.True(t, slices.ContainsFunc(family.GetMetric(), func(m *dto.Metric) bool { return matches(m, filter) }),
			"%s: %s has no series for %s", where, name, filter.AppendString(nil))
	}
	return name
}

// matches reports whether a series has a label that a filter names: whether
// the filter is positive or not, its value has to be one that there is.
func matches(m *dto.Metric, filter metricsql.LabelFilter) bool {
	for _, label := range m.GetLabel() {
		if label.GetName() != filter.Label {
			continue
		}
		if filter.IsRegexp {
			return regexp.MustCompile("^(?:" + filter.Value + ")$").MatchString(label.GetValue())
		}
		return label.GetValue() == filter.Value
	}
	return false
}

// TestEachAlertHasItsEntry in the runbook, and each entry its alert.
func TestEachAlertHasItsEntry(t *testing.T) {
	t.Parallel()
	runbook, err := os.ReadFile(filepath.Join(root, "docs", "RUNBOOK.md"))
	require.NoError(t, err)
	entries := map[string]string{}
	for _, part := range strings.Split(string(runbook), "\n## ")[1:] {
		title, text, _ := strings.Cut(part, "\n")
		if strings.HasPrefix(title, "Jobferry") {
			entries[title] = text
		}
	}
	for _, a := range append(alerts(t, "alerts.yaml"), alerts(t, "alerts_from_zero.yaml")...) {
		require.True(t, strings.HasSuffix(a.Annotations["runbook_url"], "docs/RUNBOOK.md#"+strings.ToLower(a.Name)), a.Name)
		for _, part := range []string{"**It means**", "**Confirm**", "**Do**"} {
			require.Contains(t, entries[a.Name], part, a.Name)
		}
		delete(entries, a.Name)
	}
	require.Empty(t, slices.Collect(maps.Keys(entries)), "entries without an alert")
}
