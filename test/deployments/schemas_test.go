package deployments

import (
	"encoding/json"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// schemas are where the kinds are described. Both files are closed: a member
// that they do not know is an error, as a misspelt one is.
var schemas = map[string]string{
	"Deployment":          "kubernetes.json#/$defs/io.k8s.api.apps.v1.Deployment",
	"Job":                 "kubernetes.json#/$defs/io.k8s.api.batch.v1.Job",
	"Service":             "kubernetes.json#/$defs/io.k8s.api.core.v1.Service",
	"ServiceAccount":      "kubernetes.json#/$defs/io.k8s.api.core.v1.ServiceAccount",
	"ConfigMap":           "kubernetes.json#/$defs/io.k8s.api.core.v1.ConfigMap",
	"NetworkPolicy":       "kubernetes.json#/$defs/io.k8s.api.networking.v1.NetworkPolicy",
	"PodDisruptionBudget": "kubernetes.json#/$defs/io.k8s.api.policy.v1.PodDisruptionBudget",
	"ScaledObject":        "scaledobject.json",
}

// validate holds a manifest against the schema of its kind.
func validate(t *testing.T, doc manifest) error {
	t.Helper()
	kind := at(t, doc, "kind").(string)
	text, err := json.Marshal(doc)
	require.NoError(t, err)
	switch kind { // the operator publishes its types as a module, and its schemas not
	case "ServiceMonitor":
		return yaml.UnmarshalStrict(text, new(monitoring.ServiceMonitor))
	case "PrometheusRule":
		return yaml.UnmarshalStrict(text, new(monitoring.PrometheusRule))
	}
	require.Contains(t, schemas, kind)
	schema, err := jsonschema.NewCompiler().Compile("testdata/schemas/" + schemas[kind])
	require.NoError(t, err)
	var plain any
	require.NoError(t, json.Unmarshal(text, &plain))
	return schema.Validate(plain)
}

func TestChartIsWhatKubernetesAndKEDATake(t *testing.T) {
	t.Parallel()
	for _, values := range []string{enough, everything} {
		for kind, doc := range render(t, values) {
			require.NoError(t, validate(t, doc), kind)
		}
	}
}

func TestSchemasFindWhatIsWrong(t *testing.T) {
	t.Parallel()
	for kind := range schemas {
		require.Error(t, validate(t, manifest{"kind": kind, "apiVersion": "v0", "metadata": manifest{}}), kind)
	}
	for kind, doc := range render(t, everything) {
		spec, ok := doc["spec"].(manifest)
		if !ok {
			continue
		}
		spec["misspelt"] = true
		require.Error(t, validate(t, doc), kind)
	}
}
