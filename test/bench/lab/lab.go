package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jobferry/jobferry/test/bench/figures"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// Options say what a lab is made of.
type Options struct {
	Self  string // path of the binary that can be a server: see [ServeCommand]
	Dir   string // absolute; a folder of its own below it is made, and taken away
	Store string // role of the store: servers.S3 or servers.Discard
	// AtOnce is how many results a program stores at once.
	AtOnce int
	// Setup is the path of the worker's binary, which makes the streams.
	Setup string
}

// Lab is the servers of one run, with nothing in them but the streams.
type Lab struct {
	options Options
	dir     string
	servers map[string]*server // by place: servers.NATS, servers.Store, servers.API
	spawned int
	events  int // that were waited for so far
	running []*Process
	conn    *nats.Conn
	js      jetstream.JetStream
}

// Open starts the servers and has the worker's setup command make the streams.
// The caller closes the lab.
func Open(ctx context.Context, options Options) (*Lab, error) {
	dir, err := os.MkdirTemp(options.Dir, "lab-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the run: %w", err)
	}
	l := &Lab{options: options, dir: dir, servers: map[string]*server{}}
	if err := l.open(ctx); err != nil {
		_, closing := l.Close()
		return nil, errors.Join(err, closing)
	}
	return l, nil
}

func (l *Lab) open(ctx context.Context) error {
	for place, role := range map[string]string{
		servers.NATS: servers.NATS, servers.Store: l.options.Store, servers.API: servers.API,
	} {
		s, err := startServer(l.options.Self, role, l.dir)
		if err != nil {
			return err
		}
		l.servers[place] = s
	}
	var err error
	if l.conn, err = nats.Connect(l.servers[servers.NATS].url); err != nil {
		return fmt.Errorf("connect to the broker: %w", err)
	}
	if l.js, err = jetstream.New(l.conn, jetstream.WithPublishAsyncMaxPending(maxPending)); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	setup, err := l.Spawn(l.options.Setup, nil, "setup")
	if err != nil {
		return err
	}
	select {
	case <-setup.Ended():
	case <-ctx.Done():
	}
	if setup.Kill(); !setup.cmd.ProcessState.Success() {
		return fmt.Errorf("worker setup ended with %v%s", setup.cmd.ProcessState, setup.lastWords())
	}
	return nil
}

// Close ends all that runs and returns what the servers have used, by place.
// Everything that they kept is gone afterwards.
func (l *Lab) Close() (map[string]figures.Usage, error) {
	var problems []error
	for _, p := range l.running {
		p.Kill()
	}
	if l.conn != nil {
		l.conn.Close()
	}
	used := map[string]figures.Usage{}
	for name, s := range l.servers {
		usage, err := s.stop()
		used[name] = usage
		problems = append(problems, err)
	}
	return used, errors.Join(append(problems, os.RemoveAll(l.dir))...)
}

// Add makes jobs known to the API; their lives start now.
func (l *Lab) Add(batch servers.Batch) error { return l.servers[servers.API].add(batch) }

// Spawn starts a program on the lab's servers, with settings beyond the lab's
// own. What it prints goes to a file, as a container's output does.
func (l *Lab) Spawn(binary string, env []string, args ...string) (*Process, error) {
	l.spawned++
	name := filepath.Base(binary)
	path := filepath.Join(l.dir, fmt.Sprintf("%s-%d.log", name, l.spawned))
	log, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("make the log of %s: %w", name, err)
	}
	cmd := command(binary, args, append(l.environment(), env...), log)
	err = cmd.Start()
	if err := errors.Join(err, log.Close()); err != nil { // the child has its own
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := attend(name, cmd)
	p.log = path
	l.running = append(l.running, p)
	return p, nil
}

// environment is the same for the worker and for the baseline, which knows
// what it needs by the worker's own names.
func (l *Lab) environment() []string {
	return []string{
		"HOME=" + l.dir,
		"NATS_URL=" + l.servers[servers.NATS].url,
		"NITRO_API_URL=" + l.servers[servers.API].url, "NITRO_API_TOKEN=" + servers.Token,
		"S3_BUCKET=" + servers.Bucket, "S3_PATH_STYLE=true",
		"AWS_ENDPOINT_URL_S3=" + l.servers[servers.Store].url, "AWS_REGION=" + servers.Region,
		"AWS_ACCESS_KEY_ID=" + servers.AccessKey, "AWS_SECRET_ACCESS_KEY=" + servers.SecretKey,
		"AWS_EC2_METADATA_DISABLED=true",
		"WORKER_RESULT_HOSTS=127.0.0.1", "WORKER_HTTP_ADDR=127.0.0.1:0",
		"WORKER_TRANSFERS=" + strconv.Itoa(l.options.AtOnce),
	}
}
