package deployments

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/stretchr/testify/require"
)

// instruction is one of a Dockerfile, with its continued lines as one.
type instruction struct{ name, args string }

// stages reads the Dockerfile: what stands before the first FROM, and then each
// stage. It knows no more than this file needs, because the parser of
// BuildKit would bring in a newer Go, and its server's dependencies.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	text := readFile(t, "deployments/Dockerfile")
	text = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	all := [][]instruction{nil}
	for line := range strings.Lines(text) {
		name, args, found := strings.Cut(strings.TrimSpace(line), " ")
		if !found {
			continue
		}
		if name == "FROM" {
			all = append(all, nil)
		}
		last := len(all) - 1
		all[last] = append(all[last], instruction{name, args})
	}
	require.Len(t, all, 3, "arguments, the stage that builds, and the image")
	return all
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}

// only returns the arguments of the one instruction of that name, of those
// that begin with a text.
func only(t *testing.T, stage []instruction, name, prefix string) string {
	t.Helper()
	var found []string
	for _, i := range stage {
		if i.name == name && strings.HasPrefix(i.args, prefix) {
			found = append(found, i.args)
		}
	}
	require.Len(t, found, 1, name)
	return found[0]
}

// words reads the exec form.
func words(t *testing.T, args string) (all []string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(args), &all), "%s is not the exec form, and there is no shell", args)
	return all
}

func TestImageIsTheWorkerAndNothingElse(t *testing.T) {
	t.Parallel()
	image := stages(t)[2]
	require.Equal(t, "scratch", only(t, image, "FROM", ""))
	binary := words(t, only(t, image, "ENTRYPOINT", ""))
	require.Equal(t, []string{"/worker"}, binary)
	require.Equal(t, []string{"run"}, words(t, only(t, image, "CMD", "")))
	require.Contains(t, only(t, image, "COPY", "--from=build /out"), " "+binary[0])
	require.Contains(t, only(t, image, "COPY", "--from=build /etc/ssl"), "ca-certificates.crt /etc/ssl/certs/")

	pod := at(t, render(t, enough)["Deployment"], "spec", "template", "spec")
	user := at(t, pod, "securityContext", "runAsUser")
	require.NotZero(t, user)
	require.Equal(t, at(t, pod, "securityContext", "runAsGroup"), user)
	require.Regexp(t, `^(\d+):(\d+)$`, only(t, image, "USER", ""), "a name says nothing to runAsNonRoot")
	text, err := json.Marshal(user)
	require.NoError(t, err)
	require.Equal(t, string(text)+":"+string(text), only(t, image, "USER", ""))
	for _, s := range config.Settings() {
		if s.Name == "WORKER_HTTP_ADDR" {
			require.Equal(t, s.Default, ":"+only(t, image, "EXPOSE", ""))
		}
	}
}

func TestImageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	all := stages(t)
	labels := only(t, all[2], "LABEL", "")
	require.Contains(t, labels, `org.opencontainers.image.version="$VERSION"`)
	require.Contains(t, labels, `org.opencontainers.image.revision="$REVISION"`)
	for _, stage := range all[1:] { // an argument holds for the stage that names it
		for _, name := range []string{"VERSION", "REVISION"} {
			only(t, stage, "ARG", name+"=")
			require.Contains(t, readFile(t, "Makefile"), "--build-arg "+name+"=$("+name+")")
		}
	}
}

// buildCommand is how the worker is compiled, whatever for and whereto.
func buildCommand(t *testing.T, text string) string {
	t.Helper()
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	command := regexp.MustCompile(`CGO_ENABLED=0 .*go build .*`).FindString(text)
	require.NotEmpty(t, command)
	command = regexp.MustCompile(`GO(OS|ARCH)=\S+ |-o \S+`).ReplaceAllString(command, "")
	command = regexp.MustCompile(`\$\((\w+)\)`).ReplaceAllString(command, "$$$1")
	return strings.ReplaceAll(command, `'`, `"`)
}

func TestImageIsBuiltAsTheMakefileBuilds(t *testing.T) {
	t.Parallel()
	require.Equal(t, buildCommand(t, readFile(t, "Makefile")), buildCommand(t, only(t, stages(t)[1], "RUN", "CGO_ENABLED")))
}

func TestImageIsBuiltWithTheGoOfTheModule(t *testing.T) {
	t.Parallel()
	all := stages(t)
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readFile(t, "go.mod"))
	require.NotNil(t, version)
	require.Equal(t, "GO_VERSION="+version[1], only(t, all[0], "ARG", ""))
	require.Equal(t, "--platform=$BUILDPLATFORM golang:${GO_VERSION} AS build", only(t, all[1], "FROM", ""))
}

// A package that is not in the context would be missed only where an image is
// built.
func TestImageIsBuiltFromAllThatTheWorkerIsMadeOf(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if and .Module .Module.Main}}{{.ImportPath}}{{end}}", "./cmd/worker")
	cmd.Dir = root
	list, err := cmd.Output()
	require.NoError(t, err)
	packages := strings.Fields(string(list))
	require.NotEmpty(t, packages)
	ignore := strings.Split(readFile(t, "deployments/Dockerfile.dockerignore"), "\n")
	for _, name := range packages {
		folder, _, _ := strings.Cut(strings.TrimPrefix(name, "github.com/jobferry/jobferry/"), "/")
		require.Equal(t, folder+" "+folder, only(t, stages(t)[1], "COPY", folder+" "), name)
		require.Contains(t, ignore, "!"+folder, name)
	}
	require.Contains(t, ignore, "!go.mod")
	require.Contains(t, ignore, "!go.sum")
}
