package world

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jobferry/jobferry/test/chaos/plan"
)

// Settings of the workers that bounds of doubled work follow from.
const (
	BackoffInitial    = 200 * time.Millisecond
	BackoffMax        = 5 * time.Second
	BackoffMultiplier = 1.5
	BackoffJitter     = 0.2 // to either side; not a setting
)

// World is everything that runs.
type World struct {
	dir     string // absolute
	cluster *cluster
	store   *store
	api     *api
	workers *workers
}

// Options are what a world is made of.
type Options struct {
	Workers, Nodes int
	// SyncInterval is the nats-server's setting of that name: always, or a
	// duration.
	SyncInterval string
	// MaxCrashes is the workers' setting of that name; 0 for its default.
	MaxCrashes int
}

// Start starts everything and returns when the workers are up. What stands of
// a world that could not be started is ended again.
func Start(ctx context.Context, dir string, programs Binaries, o Options) (*World, error) {
	w := &World{dir: dir}
	if err := w.start(ctx, programs, o); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *World) start(ctx context.Context, programs Binaries, o Options) error {
	if err := os.MkdirAll(filepath.Join(w.dir, "home"), 0o750); err != nil {
		return err
	}
	var err error
	if w.cluster, err = startCluster(ctx, programs.Server, w.dir, o); err != nil {
		return err
	}
	if w.api, err = startAPI(); err != nil {
		return err
	}
	if w.store, err = startStore(ctx, w.dir); err != nil {
		return err
	}
	env := w.environment(o)
	if err := setUp(ctx, programs.Worker, w.dir, env); err != nil {
		return err
	}
	w.workers, err = startWorkers(ctx, o.Workers, programs.Worker, w.dir, env)
	return err
}

// environment is the whole environment of a worker.
func (w *World) environment(o Options) []string {
	env := []string{
		"NATS_URL=" + w.cluster.urls(),
		"NITRO_API_URL=" + w.api.api.url(), "NITRO_CLIENT_ID=" + clientID, "NITRO_CLIENT_SECRET=" + clientSecret,
		"S3_BUCKET=" + Bucket, "S3_PATH_STYLE=true", "AWS_ENDPOINT_URL_S3=" + w.store.proxy.url(), "AWS_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_EC2_METADATA_DISABLED=true",
		"WORKER_STREAM_REPLICAS=" + strconv.Itoa(o.Nodes),
		"WORKER_RESULT_HOSTS=" + w.api.files.addr(), "WORKER_HTTP_ADDR=127.0.0.1:0",
		"WORKER_BACKOFF_INITIAL=" + BackoffInitial.String(), "WORKER_BACKOFF_MAX=" + BackoffMax.String(),
		"WORKER_BACKOFF_MULTIPLIER=" + strconv.FormatFloat(BackoffMultiplier, 'g', -1, 64),
		"WORKER_JOB_DEADLINE=1h",
	}
	if o.MaxCrashes > 0 {
		env = append(env, "WORKER_MAX_CRASHES="+strconv.Itoa(o.MaxCrashes))
	}
	return env
}

// proxies are those of a dependency; of the cluster's, the one of an index, or
// all when there is none of it.
func (w *World) proxies(dependency plan.Dependency, index int) []*proxy {
	switch dependency {
	case plan.Store:
		return []*proxy{w.store.proxy}
	case plan.API:
		return []*proxy{w.api.api}
	case plan.Files:
		return []*proxy{w.api.files}
	default:
	}
	if index >= 0 && index < len(w.cluster.nodes) {
		return []*proxy{w.cluster.nodes[index].proxy}
	}
	all := make([]*proxy, len(w.cluster.nodes))
	for i, n := range w.cluster.nodes {
		all[i] = n.proxy
	}
	return all
}

// Close ends everything at once. It is safe on a world of which only a part
// was started.
func (w *World) Close() error {
	var problems []error
	if w.workers != nil {
		problems = append(problems, w.workers.close())
	}
	if w.cluster != nil {
		problems = append(problems, w.cluster.close())
	}
	if w.api != nil {
		problems = append(problems, w.api.close())
	}
	if w.store != nil {
		problems = append(problems, w.store.close())
	}
	return errors.Join(problems...)
}
