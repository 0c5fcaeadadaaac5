package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A step of a walk in ARCHITECTURE.md: a file, and the functions to read there.
var (
	walkStep = regexp.MustCompile("(?m)^\\d+\\. (\\*?)`([a-z0-9/_]+\\.go)`\\*?: (.*)$")
	codeWord = regexp.MustCompile("`([A-Za-z]+)`")
)

// TestWalksNameFunctionsThatExist, and say rightly whether a file was open before.
func TestWalksNameFunctionsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("ARCHITECTURE.md")
	require.NoError(t, err)
	_, walks, found := strings.Cut(string(text), "## Three walks")
	require.True(t, found)
	for _, walk := range strings.Split(walks, "\n**")[1:] {
		open := map[string]bool{}
		for _, step := range walkStep.FindAllStringSubmatch(walk, -1) {
			file := step[2]
			require.Equal(t, open[file], step[1] == "*", "%s: in italics if it was open before", file)
			open[file] = true
			source, err := os.ReadFile("../" + file)
			require.NoError(t, err)
			names := codeWord.FindAllStringSubmatch(step[3], -1)
			require.NotEmpty(t, names, file)
			for _, name := range names {
				require.Regexp(t, `(?m)^func (\([^)]*\) )?`+name[1]+`[\[(]`, string(source), file)
			}
		}
		require.NotEmpty(t, open)
	}
}
