package test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// roles are the users of deployments/permissions, one file each.
var roles = []string{"worker", "producer", "subscriber", "operator"}

// permissionsOf is what the project ships for a role.
func permissionsOf(t *testing.T, role string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "deployments", "permissions", "nats-"+role+".conf"))
	require.NoError(t, err)
	return string(content)
}

// permittedWorld is a world whose broker lets each role do what its file says,
// without what is taken from one of them. The test itself may do everything.
func permittedWorld(t *testing.T, from string, taken ...string) *world {
	t.Helper()
	dir := t.TempDir()
	users := fmt.Sprintf("{ user: admin, password: %q }\n", natsPassword)
	for _, role := range roles {
		file := "nats-" + role + ".conf"
		content := permissionsOf(t, role)
		for _, permission := range taken {
			if role == from { // an empty list would permit everything
				content = strings.Replace(content, fmt.Sprintf("%q", permission), "nothing", 1)
			}
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600))
		users += fmt.Sprintf("{ user: %s, password: %q, permissions: { include %q } }\n", role, natsPassword, file)
	}
	conf := filepath.Join(dir, "nats.conf")
	require.NoError(t, os.WriteFile(conf, []byte("authorization { users: [\n"+users+"] }\n"), 0o600))
	return secureWorld(t, embedded.NATSOptions{ConfigFile: conf}, nats.UserInfo("admin", natsPassword))
}

// as are the settings by which a command logs in.
func as(user string) map[string]string {
	return map[string]string{"NATS_USER": user, "NATS_PASSWORD": natsPassword}
}

// runs waits for the end of a role's command and asserts that it may do all
// that it wants to.
func (w *world) runs(role string, args ...string) {
	w.t.Helper()
	p := w.launch(worker, as(role), args...)
	require.Zero(w.t, p.status(), p.out)
	p.isPermittedAll()
}

// isPermittedAll asserts that the broker has refused a process nothing.
func (p *process) isPermittedAll() {
	p.t.Helper()
	require.NotContains(p.t, strings.ToLower(p.out.String()), "permissions violation")
}

// look returns the first snapshot that the page of a worker shows.
func (p *process) look() string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url()+"/live", nil)
	require.NoError(p.t, err)
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(p.t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") {
			return lines.Text()
		}
	}
	require.NoError(p.t, lines.Err())
	return ""
}

// client is a connection of a role's own program, with the inbox that the
// role has. Its problems are what the broker refuses.
func (w *world) client(role, inbox string) (nc *nats.Conn, problems <-chan error) {
	w.t.Helper()
	refused := make(chan error, 16)
	nc, err := nats.Connect(w.nats.URL(), nats.UserInfo(role, natsPassword), nats.CustomInboxPrefix(inbox),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	require.NoError(w.t, err)
	w.t.Cleanup(nc.Close)
	return nc, refused
}

func TestLeastPermissionsAtTheBrokerAreEnough(t *testing.T) {
	t.Parallel()
	w := permittedWorld(t, "")
	w.runs("worker", "setup")
	p := w.start(as("worker"))
	p.ready()

	release := make(chan struct{})
	jobs := []simulator.Job{{ID: "quick"}, {ID: "polled", Polls: 3}, {ID: "missing", Outcome: simulator.Failed}, stalling("held", release)}
	w.api.Add(jobs...)
	w.runs("producer", "submit", "quick", "polled", "missing", "held")
	w.bothLanesAreCounted(p)
	require.Contains(t, p.look(), `"slots":`, "the page shows what the pods have in hand")
	w.submitsByItself("anything else")
	require.Equal(t, job.OutcomeRejected, w.eventAt("jobs.events.rejected.>").Data.Status)
	w.submitsByItself("polled") // twice
	close(release)
	for _, j := range jobs {
		w.check(j)
	}
	w.submitsByItself("quick") // again, after its event
	w.nothingLeft()
	w.runs("subscriber", "events", "--job", "quick")
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.status())
	p.isPermittedAll()
}

// patient are the settings of a worker whose jobs wait for good.
func patient(role string) map[string]string {
	env := as(role)
	env["WORKER_BACKOFF_INITIAL"], env["WORKER_BACKOFF_MAX"] = "1h", "1h"
	return env
}

func TestLeastPermissionsAtTheBrokerAreEnoughForAnOperator(t *testing.T) {
	t.Parallel()
	w := permittedWorld(t, "")
	p := w.start(patient("worker"))
	p.ready()
	w.add(simulator.Job{ID: "missing", Outcome: simulator.Failed})
	w.event("missing")
	w.runs("operator", "replay", "missing")
	events, err := w.js.Stream(t.Context(), "JOBS_EVENTS")
	require.NoError(t, err)
	w.eventually("the old event is not replaced", func() bool {
		event, err := events.GetLastMsgForSubject(t.Context(), "jobs.events.failed.missing")
		return err == nil && event.Sequence == 2 && w.count("JOBS_EVENTS") == 1
	})
	w.runs("operator", "replay", "--since", "1h", "--dry-run")

	w.add(simulator.Job{ID: "endless", Duration: simulator.Forever})
	w.waiting(1)
	w.runs("operator", "status")
	w.runs("operator", "status", "endless")
	completion := w.launch(worker, as("operator"), "__complete", "now", "")
	require.Zero(t, completion.status())
	require.Contains(t, completion.out.String(), "endless\twaiting")
	w.runs("operator", "now", "endless")
	w.runs("operator", "cancel", "endless")
	require.Equal(t, job.OutcomeCanceled, w.event("endless").Data.Status)
	w.nothingLeft()

	p.signal(syscall.SIGTERM)
	require.Zero(t, p.status())
	p.isPermittedAll()
	w.runs("operator", "replay", "missing")
	w.runs("operator", "cancel", "missing")
	require.Equal(t, job.OutcomeCanceled, w.event("missing").Data.Status)
	require.EqualValues(t, 2, w.count("JOBS_EVENTS"), "one for each job")
	w.nothingLeft()
}

// waiting waits until so many jobs do.
func (w *world) waiting(count uint64) {
	w.t.Helper()
	w.eventually("the jobs do not wait", func() bool { return w.count("JOBS") == 0 && w.count("JOBS_WAIT") == count })
}

// bothLanesAreCounted waits until the metrics know of a job in hand.
func (w *world) bothLanesAreCounted(p *process) {
	w.t.Helper()
	url := p.url()
	w.eventually("no job in hand is counted", func() bool {
		_, body := get(w.t, url+"/metrics")
		return strings.Contains(body, `jobferry_jobs{state="in_hand"} 1`)
	})
}

// submitsByItself submits as a producer's own program does.
func (w *world) submitsByItself(body string) {
	w.t.Helper()
	nc, problems := w.client("producer", "_INBOX.jobferry-submit")
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(w.t, err)
	_, err = js.Publish(w.t.Context(), "jobs.submit", []byte(body))
	require.NoError(w.t, err)
	require.Empty(w.t, problems)
}

// Streams and consumers may be somebody else's to create.
func TestWorkerNeedsToCreateNothingThatStands(t *testing.T) {
	t.Parallel()
	w := permittedWorld(t, "worker", permissionsWith(t, "worker", ".CREATE.")...)
	w.runs("admin", "setup")
	w.runs("worker", "setup")
	p := w.start(as("worker"))
	p.ready()
	w.add(simulator.Job{ID: "carried", Polls: 2})
	w.check(simulator.Job{ID: "carried", Polls: 2})
	w.nothingLeft()
	p.isPermittedAll()
}

// permissionsWith are those of a role that have a text in them.
func permissionsWith(t *testing.T, role, text string) []string {
	t.Helper()
	var found []string
	for _, match := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(permissionsOf(t, role), -1) {
		if strings.Contains(match[1], text) {
			found = append(found, match[1])
		}
	}
	return found
}

// Whoever submits or listens can neither pass himself off as a worker nor read
// what is meant for others.
func TestProducersAndSubscribersMayDoNoMore(t *testing.T) {
	t.Parallel()
	w := permittedWorld(t, "")
	w.runs("admin", "setup")
	for role, inbox := range map[string]string{"producer": "_INBOX.jobferry-submit", "subscriber": "_INBOX.jobferry-events"} {
		nc, problems := w.client(role, inbox)
		for _, subject := range []string{
			"jobs.due.a", "jobs.wait.a", "jobs.events.completed.a", "$JS.API.STREAM.DELETE.JOBS", "$JS.API.STREAM.PURGE.JOBS_WAIT",
			"$JS.API.CONSUMER.MSG.NEXT.JOBS.jobferry", "$JS.ACK.JOBS.jobferry.1.1.1.1.1", "$JS.API.STREAM.MSG.GET.JOBS", "$JS.API.DIRECT.GET.JOBS_WAIT",
		} {
			require.NoError(t, nc.Publish(subject, nil))
			require.ErrorIs(t, <-problems, nats.ErrPermissionViolation, "%s: %s", role, subject)
		}
		for _, subject := range []string{"jobs.submit", "jobs.submit.*", "jobs.due.*", "_INBOX.>", "_INBOX.jobferry-worker.>", "$JS.>"} {
			_, err := nc.SubscribeSync(subject)
			require.NoError(t, err)
			require.ErrorIs(t, <-problems, nats.ErrPermissionViolation, "%s: %s", role, subject)
		}
	}
	nc, problems := w.client("subscriber", "_INBOX.jobferry-events")
	_, err := nc.SubscribeSync("jobs.events.>")
	require.NoError(t, err)
	require.NoError(t, nc.Publish("jobs.submit", nil))
	require.ErrorContains(t, <-problems, "jobs.submit", "the subscription is permitted, the submission is not")
}

// TestARefusedReadIsNotTakenForNothing: the broker gives no answer to what it
// refuses.
func TestARefusedReadIsNotTakenForNothing(t *testing.T) {
	t.Parallel()
	w := permittedWorld(t, "operator", "$JS.API.DIRECT.GET.JOBS_EVENTS")
	w.start(as("worker")).ready()
	w.add(simulator.Job{ID: "failed", Outcome: simulator.Failed})
	w.event("failed")
	var commands []*process
	for _, args := range [][]string{{"status"}, {"status", "failed"}, {"replay", "--since", "1h", "--dry-run"}} {
		commands = append(commands, w.launch(worker, as("operator"), args...))
	}
	for _, p := range commands {
		require.Equal(t, 1, p.status(), p.out)
		require.Contains(t, p.out.String(), "refuses this user $JS.API.DIRECT.GET.JOBS_EVENTS")
	}
}
