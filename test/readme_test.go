package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/stretchr/testify/require"
)

// settingsTable is what the README has to say of the settings.
func settingsTable() string {
	var table strings.Builder
	table.WriteString("| variable | default | |\n|---|---|---|\n")
	for _, s := range config.Settings() {
		fallback := ""
		if s.Default != "" {
			fallback = "`" + s.Default + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", s.Name, fallback, s.Help)
	}
	return table.String()
}

func TestReadmeNamesEverySettingAsItIs(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(readme), "<!-- settings: compared with the program by a test -->\n\n")
	require.True(t, found)
	have, _, found := strings.Cut(after, "\n<!-- /settings -->")
	require.True(t, found)
	require.Equal(t, settingsTable(), have, "copy what is expected into README.md")
}
