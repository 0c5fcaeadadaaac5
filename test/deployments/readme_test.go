package deployments

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"sigs.k8s.io/yaml"
)

// examples are the values that the page shows, each added to what has no
// default.
func examples(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "deployments", "README.md"))
	require.NoError(t, err)
	var all []string
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1) {
		var given, least map[string]any
		require.NoError(t, yaml.UnmarshalStrict(block[1], &given))
		require.NoError(t, yaml.UnmarshalStrict([]byte(enough), &least))
		values, err := yaml.Marshal(util.MergeTables(given, least))
		require.NoError(t, err)
		all = append(all, string(values))
	}
	require.NotEmpty(t, all)
	return all
}

func TestChartTakesTheValuesOfThePage(t *testing.T) {
	t.Parallel()
	for _, values := range examples(t) {
		for kind, doc := range render(t, values) {
			require.NoError(t, validate(t, doc), "%s of\n%s", kind, values)
		}
	}
}
