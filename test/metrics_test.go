package test

import (
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

func (p *process) metrics(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	_, body := get(t, p.url()+"/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	require.NoError(t, err)
	return families
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
