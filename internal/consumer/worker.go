// Package consumer is a worker's pipeline for each message: it pulls submissions
// and due jobs, asks the API about each, has results stored, decides what becomes
// of the job, and settles that at the broker. It holds no job while the job
// waits, and it knows the API and the store only by the interfaces that it
// declares.
//
// Begin with process.go: it has the whole pipeline on one screen.
package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/consumer/pull"
	"github.com/jobferry/jobferry/internal/gopool"
)

// handBackLimit is what a worker takes beyond its drain timeout to hand back
// the jobs that did not finish, half of it for a store that does not answer
// when their uploads are to be aborted.
const handBackLimit = 4 * time.Second

// Worker pulls messages and processes them. Any number of workers share the same
// streams.
type Worker struct {
	cfg     Config
	nc      *nats.Conn
	broker  *broker.Client
	api     API
	store   Store
	health  limit.Health
	log     *zap.Logger
	metrics *metrics
	tracer  trace.Tracer

	polls        *limit.Polls        // a slot for each message in flight
	requests     *semaphore.Weighted // polls under way at once: a slot without one waits for it
	hung         *semaphore.Weighted // polls that hang, and of jobs whose last poll did
	latency      limit.Latency       // of polls
	transfers    *limit.Transfers
	hosts        *limit.Hosts
	throttle     *limit.Throttle
	answers      *limit.Answers // of the API
	stored       *limit.Answers // of the store
	apiBreaker   *limit.Breaker // open: nothing is polled
	storeBreaker *limit.Breaker // open: nothing is stored
	inFlight     inFlight       // transfers

	taking   context.Context // ends when no further message is to be taken
	working  context.Context // ends when work under way has to stop
	settling context.Context // ends when nothing more can be published
	messages sync.WaitGroup  // in flight
	pool     *gopool.Pool    // of the goroutines that process them
}

// New returns a worker that has not started. It does no input or output.
func New(cfg Config, deps Deps) (*Worker, error) {
	if err := errors.Join(cfg.Validate(), deps.validate()); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	cfg.Broker = cfg.Broker.WithDefaults()
	client, err := broker.New(deps.Conn, cfg.Broker, deps.Health)
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	w := &Worker{
		cfg: cfg, nc: deps.Conn, broker: client, api: deps.API, store: deps.Store, health: deps.Health, log: deps.Log,
		metrics:      newMetrics(deps.Metrics),
		tracer:       deps.Tracer,
		requests:     semaphore.NewWeighted(int64(cfg.Polls)),
		hung:         semaphore.NewWeighted(int64(max(1, cfg.Polls/2))),
		transfers:    limit.NewTransfers(cfg.Transfers, cfg.Polls/2),
		hosts:        limit.NewHosts(cfg.Transfers, deps.Log),
		throttle:     limit.NewThrottle(cfg.Backoff),
		answers:      limit.NewAnswers(),
		stored:       limit.NewAnswers(),
		storeBreaker: limit.NewBreaker("store", deps.Store.Probe, deps.Health),
		pool:         gopool.New(),
	}
	w.apiBreaker = limit.NewBreaker("api", w.probeAPI, deps.Health)
	w.polls = limit.NewPolls(cfg.Polls, cfg.PollRate > 0, w.transfers.Free)
	watchSlots(deps.Metrics, w.polls, w.transfers)
	deps.Metrics.MustRegister(client.Collector())
	return w, nil
}

// probeAPI notes that the API is well, if it is.
func (w *Worker) probeAPI(ctx context.Context) error {
	began := time.Now()
	err := w.api.Probe(ctx)
	if err == nil {
		w.latency.Observe(time.Since(began))
		w.answers.Probed()
	}
	return err
}

// Run works until ctx ends, then drains: it takes no further message, schedules
// polled jobs, gives transfers the drain timeout and hands back those that do not
// finish. stop ends the drain at once. Run returns nil after a drain,
// and an error only for what no waiting would mend.
func (w *Worker) Run(ctx, stop context.Context) error {
	var stopWorking, stopSettling context.CancelCauseFunc
	w.taking = ctx
	w.working, stopWorking = context.WithCancelCause(context.WithoutCancel(ctx))
	w.settling, stopSettling = context.WithCancelCause(context.WithoutCancel(ctx))
	defer w.pool.Close()
	defer stopSettling(errDraining)
	defer stopWorking(errDraining)
	defer context.AfterFunc(stop, func() { stopSettling(errDraining) })()

	if err := w.broker.SetUp(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	w.apiBreaker.Start(ctx)
	w.storeBreaker.Start(ctx)
	err := w.pull(ctx)
	w.log.Info("draining", zap.Duration("timeout", w.cfg.DrainTimeout))
	w.drain(stopWorking, stopSettling)
	w.apiBreaker.Stop()
	w.storeBreaker.Stop()
	return err
}

// pull runs both lanes until ctx ends.
func (w *Worker) pull(ctx context.Context) error {
	var limiter *rate.Limiter
	if w.cfg.PollRate > 0 {
		limiter = rate.NewLimiter(rate.Limit(w.cfg.PollRate), 1)
	}
	var pulling sync.WaitGroup
	var failures [limit.Lanes]error
	subjects := w.cfg.Broker.Subjects
	for l, stream := range [limit.Lanes]string{limit.Due: subjects.Wait(), limit.Submitted: subjects.Jobs()} {
		puller := pull.New(pull.Config{
			Lane: limit.Lane(l), Conn: w.nc, Stream: stream, Consumer: broker.Durable, AckWait: w.cfg.Broker.AckWait,
			Polls: w.polls, Limiter: limiter, Admit: w.admit, Handle: w.handle, Report: w.onPull, Log: w.log,
		})
		pulling.Go(func() { failures[l] = puller.Run(ctx) })
	}
	pulling.Wait()
	return errors.Join(failures[:]...)
}

// admit blocks while the pod must not poll.
func (w *Worker) admit(ctx context.Context) error {
	if err := w.apiBreaker.Wait(ctx); err != nil {
		return err
	}
	return w.throttle.Wait(ctx)
}

// onPull is told how each pull ended. A consumer or stream that somebody deleted
// is created again.
func (w *Worker) onPull(l limit.Lane, err error) {
	if err == nil {
		w.health.Set("streams", nil)
		return
	}
	w.health.Set("streams", fmt.Errorf("%s jobs: %w", l, err))
	w.broker.Repair(w.taking)
}

// handle takes over a message and its poll slot.
func (w *Worker) handle(m pull.Message) {
	w.messages.Add(1)
	w.pool.Go(func() {
		defer w.messages.Done()
		w.process(m)
	})
}

// drain waits for the messages in flight: while they are worked on for the drain
// timeout, and then for as long as handing them back takes.
func (w *Worker) drain(stopWorking, stopSettling context.CancelCauseFunc) {
	defer context.AfterFunc(w.settling, func() { stopWorking(errDraining) })()
	timeout := time.AfterFunc(w.cfg.DrainTimeout, func() { stopWorking(errDraining) })
	defer timeout.Stop()
	limit := time.AfterFunc(w.cfg.DrainTimeout+handBackLimit, func() { stopSettling(errDraining) })
	defer limit.Stop()
	w.messages.Wait()
}
