package test

import (
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A permission that nobody misses is one too many: each is taken away alone,
// and the broker then has to refuse something that a role wants to do.
func TestEachPermissionAtTheBrokerIsNeeded(t *testing.T) {
	t.Parallel()
	for role, wants := range map[string]func(*world, string){
		"worker": (*world).wantsToWork, "producer": (*world).wantsToSubmit, "subscriber": (*world).wantsToListen,
		"operator": (*world).wantsToLookAfter,
	} {
		permissions := permissionsWith(t, role, "")
		require.NotEmpty(t, permissions)
		for _, permission := range permissions {
			t.Run(role+" "+permission, func(t *testing.T) {
				t.Parallel()
				wants(permittedWorld(t, role, permission), permission)
			})
		}
	}
}

// atSetup are the permissions that `worker setup` uses in a new account. All
// others are for its daily work.
func atSetup(permission string) bool {
	return strings.Contains(permission, ".INFO.") || strings.Contains(permission, ".CREATE.")
}

func (w *world) wantsToWork(permission string) {
	switch {
	case permission == "$JS.API.STREAM.NAMES":
		_, err := w.js.CreateStream(w.t.Context(), jetstream.StreamConfig{Name: "IN-THE-WAY", Subjects: []string{"jobs.submit"}})
		require.NoError(w.t, err)
		w.misses(permission, w.launch(worker, as("worker"), "setup"))
	case atSetup(permission):
		w.misses(permission, w.launch(worker, as("worker"), "setup"))
	default:
		w.runs("admin", "setup")
		settings := as("worker")
		settings["WORKER_DOWNLOAD_STALL"] = "5s" // for the stalled jobs to be settled soon
		p := w.start(settings)
		w.givesWork(permission, p)
	}
}

// givesWork has a worker use all that it does every day, until it misses what
// was taken from it.
func (w *world) givesWork(permission string, p *process) {
	w.t.Helper()
	held, due := stalling("held", nil), stalling("due", nil)
	due.Polls = 1
	// Long enough in hand for the metrics, which ask the broker every 5 s.
	held.Files[0].Faults.StallAt, due.Files[0].Faults.StallAt = []int64{2 << 20, 4 << 20, 8 << 20}, []int64{2 << 20, 4 << 20, 8 << 20}
	w.add(held, due, simulator.Job{ID: "polled", Polls: 1000})
	w.submit("polled")
	w.submit("no job ID")
	if permission == "$JS.API.STREAM.PURGE.JOBS_EVENTS" {
		w.add(simulator.Job{ID: "failed", Outcome: simulator.Failed})
		w.event("failed")
		w.runs("operator", "replay", "failed")
	}
	url := p.url()
	w.eventually("it is not missed: "+permission, func() bool {
		get(w.t, url+"/metrics")
		if permission == "jobs.pods" {
			p.look()
		}
		return p.hasMissed(permission)
	})
}

func (w *world) wantsToSubmit(permission string) {
	w.runs("admin", "setup")
	if permission == "jobs.submit" {
		w.ownProgramMisses("producer", "_INBOX.jobferry-submit", permission, func(nc *nats.Conn) error {
			return nc.Publish(permission, nil)
		})
		return
	}
	w.misses(permission, w.launch(worker, as("producer"), "submit", "a"))
}

func (w *world) wantsToListen(permission string) {
	w.runs("admin", "setup")
	if permission == "jobs.events.>" {
		w.ownProgramMisses("subscriber", "_INBOX.jobferry-events", permission, func(nc *nats.Conn) error {
			_, err := nc.SubscribeSync(permission)
			return err
		})
		return
	}
	w.start(as("worker")).ready()
	w.add(simulator.Job{ID: "settled"})
	w.check(simulator.Job{ID: "settled"})
	w.misses(permission, w.launch(worker, as("subscriber"), "events", "--job", "settled"))
}

// wantsToLookAfter has an operator use his commands on jobs of every state,
// until one of them misses what was taken.
func (w *world) wantsToLookAfter(permission string) {
	w.runs("admin", "setup")
	p := w.start(patient("worker"))
	p.ready()
	w.add(simulator.Job{ID: "failed", Outcome: simulator.Failed},
		simulator.Job{ID: "endless", Duration: simulator.Forever}, simulator.Job{ID: "unwanted", Duration: simulator.Forever})
	w.event("failed")
	w.waiting(2)
	p.signal(syscall.SIGTERM)
	require.Zero(w.t, p.status())
	w.submit("untaken")
	var commands []*process
	for _, args := range [][]string{
		{"status"}, {"replay", "failed"}, {"replay", "--since", "1h", "--dry-run"}, {"now", "endless"}, {"cancel", "unwanted"}, {"cancel", "untaken"},
	} {
		commands = append(commands, w.launch(worker, as("operator"), args...))
	}
	if permission == "$JS.API.STREAM.PURGE.JOBS_EVENTS" {
		require.Zero(w.t, commands[1].status(), commands[1].out)
		commands = append(commands, w.launch(worker, as("operator"), "cancel", "failed"))
	}
	w.eventually("it is not missed: "+permission, func() bool {
		return slices.ContainsFunc(commands, func(p *process) bool { return p.hasMissed(permission) })
	})
}

// ownProgramMisses is for what the worker's own commands do not use.
func (w *world) ownProgramMisses(role, inbox, permission string, use func(*nats.Conn) error) {
	w.t.Helper()
	nc, problems := w.client(role, inbox)
	require.NoError(w.t, use(nc))
	require.ErrorContains(w.t, <-problems, permission)
}

// misses waits until a process was refused what the permission is for.
func (w *world) misses(permission string, p *process) {
	w.t.Helper()
	w.eventually("it is not missed: "+permission, func() bool { return p.hasMissed(permission) })
}

var refusal = regexp.MustCompile(`Permissions Violation for (?:Publish|Subscription) to \\*"([^"\\]+)`)

// hasMissed reports whether the broker has refused a subject of a permission.
func (p *process) hasMissed(permission string) bool {
	form := regexp.QuoteMeta(permission)
	form = strings.ReplaceAll(strings.ReplaceAll(form, `\*`, `[^.]+`), `>`, `.+`)
	subjects := refusal.FindAllStringSubmatch(p.out.String(), -1)
	return slices.ContainsFunc(subjects, func(match []string) bool {
		return regexp.MustCompile(`^` + form + `$`).MatchString(match[1])
	})
}
