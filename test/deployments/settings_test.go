package deployments

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// inACluster are the defaults that make no sense there.
var inACluster = map[string]string{"NATS_URL": "nats://nats:4222"}

// settingsByKind sorts the program's settings as the chart does: those with a
// value, and those whose value is a file. Secrets themselves are in neither,
// for each has a file.
func settingsByKind() (values map[string]string, files []string) {
	values = make(map[string]string)
	for _, s := range config.Settings() {
		switch {
		case s.Type() == "file":
			files = append(files, s.Name)
		case !s.Secret:
			values[s.Name] = s.Default
		}
	}
	slices.Sort(files)
	return values, files
}

func TestValuesNameEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	require.NoError(t, err)
	var have struct {
		Settings map[string]string `json:"settings"`
	}
	require.NoError(t, yaml.Unmarshal(text, &have))
	want, _ := settingsByKind()
	maps.Copy(want, inACluster)
	require.Equal(t, want, have.Settings)
}

func TestSchemaOfTheValuesKnowsEverySetting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(chartDir, "values.schema.json"))
	require.NoError(t, err)
	type object struct {
		Properties map[string]any `json:"properties"`
	}
	var have struct {
		Properties struct {
			Settings, Files object
			Setup           struct {
				Properties struct{ Files object }
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &have))
	values, files := settingsByKind()
	require.Equal(t, slices.Sorted(maps.Keys(values)), slices.Sorted(maps.Keys(have.Properties.Settings.Properties)))
	require.Equal(t, files, slices.Sorted(maps.Keys(have.Properties.Files.Properties)))
	require.Equal(t, files, slices.Sorted(maps.Keys(have.Properties.Setup.Properties.Files.Properties)))
}
