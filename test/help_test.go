package test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// exampleID is the job of all examples.
const exampleID = "01234567-89ab-cdef-0123-456789abcdef"

// shown is an example of a command's help: what it has to print in the end, to
// the terminal or into the file that it names, and whether it goes on until it
// is interrupted.
type shown struct {
	line    string
	want    string
	forever bool
}

// helped are the commands, each with the job that its examples need and with
// all of them.
var helped = map[string]struct {
	job      simulator.Job
	examples []shown
}{
	"": {examples: []shown{{line: "worker run --help", want: "Usage:"}}},
	"run": {examples: []shown{
		{line: "S3_BUCKET=results NITRO_API_TOKEN_FILE=nitro-token worker run", want: `"http":"127.0.0.1:`, forever: true},
	}},
	"check": {examples: []shown{{line: "S3_BUCKET=results NITRO_API_TOKEN_FILE=nitro-token worker check", want: "ok"}}},
	"setup": {examples: []shown{{line: "worker setup --worker-events-max-age 168h", want: "are ready"}}},
	"submit": {examples: []shown{
		{line: "worker submit " + exampleID, want: "submitted 1 job"},
		{line: "worker submit --prefix tenant-a/ --metadata orderID=42 job-1 job-2", want: "submitted 2 jobs"},
		{line: "worker submit < ids.txt", want: "submitted 3 jobs"},
	}},
	"events": {simulator.Job{ID: exampleID}, []shown{
		{line: "worker events --since 1h", want: "completed  " + exampleID, forever: true},
		{line: "worker events --json --since 1h > events.jsonl", want: `"status":"completed"`, forever: true},
		{line: "worker events --job " + exampleID + " && echo completed", want: "\ncompleted\n"},
	}},
	"status": {simulator.Job{ID: exampleID}, []shown{
		{line: "worker status", want: "settled in the last hour"},
		{line: "worker status --watch", want: "settled in the last hour", forever: true},
		{line: "worker status --json " + exampleID, want: `"state":"settled"`},
	}},
	"cancel": {simulator.Job{ID: exampleID, Duration: simulator.Forever}, []shown{{line: "worker cancel " + exampleID, want: "canceled; it was waiting"}}},
	"now":    {simulator.Job{ID: exampleID, Duration: simulator.Forever}, []shown{{line: "worker now " + exampleID, want: "due now; it was waiting"}}},
	"replay": {simulator.Job{ID: exampleID, Outcome: simulator.Failed}, []shown{
		{line: "worker replay --reason store_failed --since 6h --dry-run", want: "0 jobs would be submitted once more"},
		{line: "worker replay " + exampleID, want: "1 job submitted once more"},
	}},
	"version": {examples: []shown{{line: "worker version", want: "jobferry"}}},
}

// TestExamplesOfTheHelpWorkAsPrinted runs them by a shell, with settings in the
// environment, in a folder with the files that they name.
func TestExamplesOfTheHelpWorkAsPrinted(t *testing.T) {
	t.Parallel()
	_, err := newS3Client(s3.URL()).CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: new("results")})
	require.NoError(t, err)
	for command, help := range helped {
		t.Run("worker "+command, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.must("setup")
			w.comes(help.job)
			for _, e := range help.examples {
				w.example(e)
			}
		})
	}
}

// TestEveryExampleOfTheHelpIsRun compares the help with what is run.
func TestEveryExampleOfTheHelpIsRun(t *testing.T) {
	t.Parallel()
	w := isolate(t)
	for _, command := range append(w.commands(), "") {
		if command == "completion" || command == "help" { // the library's own
			continue
		}
		_, help, _ := w.run("", append(strings.Fields(command), "--help")...)
		_, rest, _ := strings.Cut(help, "\nExamples:\n")
		examples, _, _ := strings.Cut(rest, "\n\n")
		var run []string
		for _, e := range helped[command].examples {
			run = append(run, "  "+e.line)
		}
		require.Equal(t, strings.Join(run, "\n"), examples, "of worker %s", command)
	}
}

// commands are those that the help lists.
func (w *world) commands() (names []string) {
	w.t.Helper()
	_, help, _ := w.run("", "--help")
	_, rest, _ := strings.Cut(help, "Available Commands:\n")
	list, _, _ := strings.Cut(rest, "\n\n")
	for line := range strings.Lines(list) {
		names = append(names, strings.Fields(line)[0])
	}
	require.Contains(w.t, names, "run")
	return names
}

// comes has a worker take a job, if there is one, until it is settled or waits.
func (w *world) comes(j simulator.Job) {
	w.t.Helper()
	if j.ID == "" {
		return
	}
	w.start(map[string]string{"WORKER_BACKOFF_INITIAL": "1h", "WORKER_BACKOFF_MAX": "1h"}).ready()
	w.add(j)
	if j.Duration == simulator.Forever {
		w.waiting(1)
		return
	}
	w.event(j.ID)
}

// example runs an example.
func (w *world) example(e shown) {
	w.t.Helper()
	dir := w.t.TempDir()
	for name, content := range map[string]string{"ids.txt": "a\nb\nc\n", "nitro-token": w.token()} {
		require.NoError(w.t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	env := map[string]string{"PATH": filepath.Dir(plain) + ":/usr/bin:/bin"}
	if strings.Contains(e.line, "NITRO_API_TOKEN_FILE") {
		env["NITRO_CLIENT_ID"], env["NITRO_CLIENT_SECRET"] = "", ""
	}
	sh, err := exec.LookPath("sh")
	require.NoError(w.t, err)
	p := &process{t: w.t, cmd: w.command(sh, env, "-c", e.line), out: &output{}, exit: make(chan struct{})}
	p.cmd.Dir, p.cmd.SysProcAttr = dir, &syscall.SysProcAttr{Setpgid: true}
	p.run()
	group := -p.cmd.Process.Pid
	w.t.Cleanup(func() { _ = syscall.Kill(group, syscall.SIGKILL) }) // before the process alone
	if !e.forever {
		require.Zero(w.t, p.status(), "%s: %s", e.line, p.out)
		require.Contains(w.t, p.out.String(), e.want, e.line)
		return
	}
	w.eventually(e.line+" does not print "+e.want, func() bool {
		file, _ := os.ReadFile(filepath.Join(dir, "events.jsonl"))
		return strings.Contains(p.out.String()+string(file), e.want)
	})
	require.NoError(w.t, syscall.Kill(group, syscall.SIGINT)) // as a terminal does
	p.status()
}

// token is one that the API takes.
func (w *world) token() string {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.api.APIURL()+"/oauth/token",
		strings.NewReader(`{"clientID":"simulator","clientSecret":"simulated"}`))
	require.NoError(w.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	var answer struct{ AccessToken string }
	require.NoError(w.t, json.NewDecoder(response.Body).Decode(&answer))
	return answer.AccessToken
}
