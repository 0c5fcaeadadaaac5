// Package docs_test keeps the document about dependencies true, and the
// licences of the worker's modules to those that are allowed.
package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
	"github.com/stretchr/testify/require"
)

// allowed are the licences under which a module may be linked into a program
// that is given away under Apache-2.0.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unlicense"}

func TestTheWorkerLinksNothingUnderAnotherLicence(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Dir}}{{end}}", "../cmd/worker")
	printed, err := list.Output()
	require.NoError(t, err)
	dirs := strings.Split(strings.TrimSpace(string(printed)), "\n")
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		texts, err := filepath.Glob(filepath.Join(dir, "LICEN[SC]E*"))
		require.NoError(t, err)
		found := false
		for _, text := range texts {
			content, err := os.ReadFile(text)
			require.NoError(t, err)
			for _, match := range licensecheck.Scan(content).Match {
				require.Contains(t, allowed, match.ID, text)
				found = true
			}
		}
		require.True(t, found, "no licence is recognized in %s", dir)
	}
}

func TestEachDirectDependencyHasItsReason(t *testing.T) {
	t.Parallel()
	require.ElementsMatch(t, firsts(t, "../go.mod", `(?m)^\t(\S+) v\S+$`), firsts(t, "DEPENDENCIES.md", "(?m)^\\| `(\\S+)` \\| .+ \\|$"))
}

// firsts are what the pattern's group matches in a file.
func firsts(t *testing.T, file, pattern string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(content), -1) {
		all = append(all, match[1])
	}
	return all
}
