//go:build node

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExamplesInJavaScript needs Node.js and npm's registry, so it is built
// with the tag node alone.
func TestExamplesInJavaScript(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "javascript")
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples", "javascript"))))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "node_modules")))
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	out, err := install.CombinedOutput()
	require.NoError(t, err, "%s", out)
	example{
		submit:    []string{"node", filepath.Join(dir, "submit.js")},
		subscribe: []string{"node", filepath.Join(dir, "subscribe.js")},
	}.check(t)
}
