// Package docs_test keeps the documents about dependencies true: what
// DEPENDENCIES.md lists is compared with what is built.
package docs_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
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

var update = flag.Bool("update", false, "write names, versions and licences into DEPENDENCIES.md")

const document = "DEPENDENCIES.md"

// allowed are the licences under which a module may be linked into a program
// that is given away under Apache-2.0.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unlicense"}

// module is one row of a table.
type module struct {
	Path, Version, Dir, Error string
	Indirect                  bool
}

// goJSON runs the go command in the root of the project and decodes the
// documents that it prints.
func goJSON[T any](t *testing.T, args ...string) []T {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = ".."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), stderr.String())
	var all []T
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var one T
		err := decoder.Decode(&one)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, one)
	}
}

// direct are the modules that go.mod names itself.
func direct(t *testing.T) []module {
	t.Helper()
	mod := goJSON[struct{ Require []module }](t, "mod", "edit", "-json")
	return slices.DeleteFunc(mod[0].Require, func(m module) bool { return m.Indirect })
}

// linked are the modules that a package of the worker comes from.
func linked(t *testing.T) []module {
	t.Helper()
	type pkg struct{ Module *module }
	seen := map[string]bool{"github.com/jobferry/jobferry": true}
	var all []module
	for _, p := range goJSON[pkg](t, "list", "-deps", "-json=Module", "./cmd/worker") {
		if p.Module != nil && !seen[p.Module.Path] {
			seen[p.Module.Path] = true
			all = append(all, *p.Module)
		}
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// licences reads the licence of each module from its own files.
func licences(t *testing.T, modules []module) map[string]string {
	t.Helper()
	args := []string{"mod", "download", "-json"}
	for _, m := range modules {
		args = append(args, m.Path+"@"+m.Version)
	}
	found := map[string]string{}
	for _, m := range goJSON[module](t, args...) {
		require.Empty(t, m.Error)
		found[m.Path] = licence(t, m.Dir)
		require.NotEmpty(t, found[m.Path], "no licence is recognized in %s", m.Path)
	}
	return found
}

// licence is the SPDX name of the licences in a module's root.
func licence(t *testing.T, dir string) string {
	t.Helper()
	var ids []string
	for _, pattern := range []string{"LICEN[SC]E*", "COPYING*", "UNLICENSE*"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, match := range licensecheck.Scan(content).Match {
				if !slices.Contains(ids, match.ID) {
					ids = append(ids, match.ID)
				}
			}
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, ", ")
}

// table returns the rows between the markers of a part of the document.
func table(t *testing.T, text, name string) string {
	t.Helper()
	part := regexp.MustCompile(`(?s)<!-- ` + name + `: [^\n]*-->\n\n(.*?)\n<!-- /` + name + ` -->`).FindStringSubmatch(text)
	require.NotNil(t, part, "%s has no part %s", document, name)
	return part[1]
}

// purposes reads what each module is for, which no tool knows.
func purposes(rows string) map[string]string {
	all := map[string]string{}
	for row := range strings.Lines(rows) {
		if cells := strings.Split(row, "|"); len(cells) == 7 {
			all[strings.Trim(cells[1], " `")] = strings.TrimSpace(cells[5])
		}
	}
	return all
}

// Not in parallel, lest one write over what the other has written.
func TestDirectDependenciesAreListed(t *testing.T) {
	modules, inWorker := direct(t), linked(t)
	text := read(t)
	rows := table(t, text, "direct")
	why, licence := purposes(rows), licences(t, modules)
	var want strings.Builder
	want.WriteString("| module | version | licence | in the worker | what for |\n|---|---|---|---|---|\n")
	for _, m := range modules {
		in := "no"
		if slices.ContainsFunc(inWorker, func(w module) bool { return w.Path == m.Path }) {
			in = "yes"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s | %s |\n", m.Path, m.Version, licence[m.Path], in, why[m.Path])
		if !*update {
			require.NotEmpty(t, why[m.Path], "say what %s is for", m.Path)
		}
	}
	compare(t, rows, want.String())
}

func TestLinkedModulesAreListed(t *testing.T) {
	modules := linked(t)
	licence := licences(t, modules)
	var want strings.Builder
	want.WriteString("| module | version | licence |\n|---|---|---|\n")
	for _, m := range modules {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", m.Path, m.Version, licence[m.Path])
		for id := range strings.SplitSeq(licence[m.Path], ", ") {
			require.Contains(t, allowed, id, "%s is linked into the worker", m.Path)
		}
	}
	compare(t, table(t, read(t), "linked"), want.String())
}

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	return string(text)
}

// compare holds a table against what it should be, or makes it that.
func compare(t *testing.T, is, want string) {
	t.Helper()
	if *update && is != want {
		require.NoError(t, os.WriteFile(document, []byte(strings.Replace(read(t), is, want, 1)), 0o644))
		return
	}
	require.Equal(t, want, is, "run `make deps` and say what new modules are for")
}
