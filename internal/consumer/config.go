package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// Config is how a worker does its work.
type Config struct {
	Broker broker.Config

	Polls     int     // polls under way at once
	Transfers int     // files being streamed at once
	PollRate  float64 // polls a second, 0 for no limit

	Backoff      retry.Policy  // between the polls of one job
	Rules        job.Rules     // of submissions
	MaxCrashes   int           // leases of one job that may be lost
	DrainTimeout time.Duration // that running work gets after a stop
}

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	problems := []error{c.Broker.Validate()}
	for _, limit := range []struct {
		name  string
		value int
	}{{"polls", c.Polls}, {"transfers", c.Transfers}, {"crashes", c.MaxCrashes}} {
		if limit.value < 1 {
			problems = append(problems, fmt.Errorf("%s is %d, it must be 1 or more", limit.name, limit.value))
		}
	}
	if c.PollRate < 0 {
		problems = append(problems, fmt.Errorf("the poll rate is %v, it must not be negative", c.PollRate))
	}
	return errors.Join(append(problems, c.Backoff.Validate())...)
}

// API is the job API. Its methods are called from many goroutines at once.
type API interface {
	// Poll asks for a job's result. The caller closes the answer. The class of
	// an error, a [job.Error], says what follows for the job.
	Poll(ctx context.Context, id job.ID) (job.Answer, error)
	// Status asks for a job's state alone; see [job.Unknown].
	Status(ctx context.Context, id job.ID) (job.Verdict, error)
	// Download prepares the downloads of a job's files, without a request. The
	// caller closes them.
	Download(j job.Job, files []job.File) job.Downloads
	// Probe makes one request that shows whether polls would be answered.
	Probe(ctx context.Context) error
}

// Store is the object store. Its methods are called from many goroutines at
// once.
type Store interface {
	// Put stores a source as an object of the job, whole or not at all. An
	// error of the source comes back as it is; those of the store are a
	// [job.Error]: permanent, refused, or unavailable.
	Put(ctx context.Context, j job.Job, name string, src job.Source) (job.Object, error)
	// Existing returns the object that Put would make of what is described, if
	// an earlier try has left it whole; nil if not, or if that cannot be told.
	Existing(ctx context.Context, j job.Job, name string, what job.Description) *job.Object
	// AbortUploads removes what a killed worker left of the job's uploads.
	AbortUploads(ctx context.Context, j job.Job) error
	// Probe shows whether the worker's own bucket can be reached.
	Probe(ctx context.Context) error
}

// Deps are what a worker works with. The caller owns and closes them.
type Deps struct {
	Conn    *nats.Conn
	API     API
	Store   Store
	Health  limit.Health
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Tracer  trace.Tracer // one of package noop when nothing is traced
}

func (d Deps) validate() error {
	if d.Conn == nil || d.API == nil || d.Store == nil || d.Health == nil || d.Log == nil || d.Metrics == nil || d.Tracer == nil {
		return errors.New("a worker needs a connection, an API, a store, a health, a logger, a registerer and a tracer")
	}
	return nil
}
