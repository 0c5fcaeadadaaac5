package test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// scrapeLabels are what Prometheus adds to what the worker says.
var scrapeLabels = []string{"job", "instance"}

// alert is one rule of alerts.yaml, or of alerts_from_zero.yaml.
type alert struct {
	Name        string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Annotations map[string]string `yaml:"annotations"`
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
	p := newWorld(t).start(nil)
	p.ready()
	return p.metrics(t)
}

func (p *process) metrics(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	_, body := get(t, p.url()+"/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	require.NoError(t, err)
	return families
}

// TestQueriesFindTheirMetrics: whatever an alert or the dashboard asks for, a
// worker exports from its start, under these labels and values.
func TestQueriesFindTheirMetrics(t *testing.T) {
	t.Parallel()
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

// seriesOf are the worker's own series, by name and labels.
func seriesOf(families map[string]*dto.MetricFamily) []string {
	var series []string
	for name, family := range families {
		if !strings.HasPrefix(name, "jobferry_") {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				name += "," + label.GetName() + "=" + label.GetValue()
			}
			series = append(series, name)
			name = family.GetName()
		}
	}
	slices.Sort(series)
	return series
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
