// Package daemon puts the parts of a worker together: it composes the settings
// into the configurations of the packages, opens what they share, and takes
// everything down in the opposite order. It decides nothing about a job.
package daemon

import (
	"context"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/consumer"
	"github.com/jobferry/jobferry/internal/fetch"
	"github.com/jobferry/jobferry/internal/health"
	"github.com/jobferry/jobferry/internal/natsconn"
	"github.com/jobferry/jobferry/internal/page"
	"github.com/jobferry/jobferry/internal/sink"
	"github.com/jobferry/jobferry/internal/tracing"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"
)

// teardownLimit bounds what is left to do when the work has ended.
const teardownLimit = 3 * time.Second

// Daemon is one worker with all that it needs.
type Daemon struct {
	cfg     config.Config
	version string
	log     *zap.Logger
	health  *health.Health
	page    *page.Page
	server  *health.Server
	reg     *prometheus.Registry
	open    lifecycle
}

// New makes a worker of a program of this version, which is empty where nobody
// has named one. It binds the HTTP address, so that a taken port shows before any work is
// taken and a probe is answered while the worker still waits for what it
// depends on. The caller runs the daemon, or closes it.
func New(cfg config.Config, version string, log *zap.Logger) (*Daemon, error) {
	d := &Daemon{cfg: cfg, version: version, log: log, reg: prometheus.NewRegistry()}
	d.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	d.health = health.New(log, d.reg, "nats", "streams", "api", "store")
	d.page = page.New(log)
	server, err := health.Start(context.Background(), cfg.Worker.HTTPAddr, d.health, d.reg, d.page, log)
	if err != nil {
		return nil, err
	}
	d.server = server
	d.open.add("http server", server.Shutdown)
	d.open.addFunc("page", d.page.Close)
	return d, nil
}

// HTTPAddr is the address that is really bound.
func (d *Daemon) HTTPAddr() string { return d.server.Addr() }

// Run works until ctx ends and then drains; stop ends the drain at once. It
// returns an error for what no waiting would mend.
func (d *Daemon) Run(ctx, stop context.Context) error {
	defer d.Close()
	worker, err := d.assemble(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	d.log.Info("worker started", zap.String("http", d.HTTPAddr()))
	if err := worker.Run(ctx, stop); err != nil {
		return err
	}
	d.log.Info("worker stopped")
	return nil
}

// Close takes down what is open. It is safe to call more than once.
func (d *Daemon) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), teardownLimit)
	defer cancel()
	if err := d.open.close(ctx); err != nil {
		d.log.Warn("not everything closed in order", zap.Error(err))
	}
}

// assemble opens the parts in the order in which they need each other.
func (d *Daemon) assemble(ctx context.Context) (*consumer.Worker, error) {
	settings, err := consumerConfig(d.cfg)
	if err != nil {
		return nil, err
	}
	traces, err := tracing.Start(ctx, d.version, d.log)
	if err != nil {
		return nil, err
	}
	d.open.add("traces", traces.Close)
	api, err := fetch.New(fetchConfig(d.cfg), d.log, d.reg)
	if err != nil {
		return nil, err
	}
	d.open.addFunc("job API", api.Close)
	store, err := sink.New(ctx, sinkConfig(d.cfg), d.log, d.reg)
	if err != nil {
		return nil, err
	}
	d.open.addFunc("store", store.Close)
	nc, err := natsconn.Connect(d.cfg.NATS, name(), d.health, d.log)
	if err != nil {
		return nil, err
	}
	d.open.addFunc("nats connection", nc.Close)
	worker, err := consumer.New(settings, consumer.Deps{
		Conn: nc, API: api, Store: store, Health: d.health, Log: d.log, Metrics: d.reg, Tracer: traces.Tracer(),
	})
	if err != nil {
		return nil, err
	}
	return worker, d.show(nc, settings, worker)
}

// name is what the broker's monitoring shows of this pod.
func name() string { return "jobferry worker on " + host() }
