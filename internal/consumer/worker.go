// Package consumer carries jobs through JetStream: it pulls submissions and
// due jobs, asks the API about each, has results stored, arms the timers of
// those that are not finished and publishes the terminal events of those that
// are. It holds no job while the job waits, and it knows the API and the store
// only by the interfaces that it declares.
//
// One file a stage, in the order of a job's journey: pull, intake, poll,
// transfer, conclude.
package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/jobferry/jobferry/internal/crew"
)

// handBackLimit is what a worker takes beyond its drain timeout to hand back
// the jobs that did not finish, half of it for a store that does not answer
// when their uploads are to be aborted.
const handBackLimit = 4 * time.Second

// Worker pulls messages and carries each to its conclusion. Any number of
// workers share the same streams.
type Worker struct {
	cfg     Config
	api     API
	store   Store
	health  Health
	log     *zap.Logger
	metrics *metrics
	tracer  trace.Tracer

	broker   broker
	slots    *slots
	polling  *semaphore.Weighted // a slot is a message in hand; this is a poll
	berths   *berths
	passages passages
	throttle *throttle
	apiGate  *gate // closed: nothing is polled
	s3Gate   *gate // closed: nothing is stored

	taking   context.Context // ends when no further message is to be taken
	working  context.Context // ends when work under way has to stop
	settling context.Context // ends when nothing more can be published
	inHand   sync.WaitGroup
	crew     *crew.Crew // carries the messages

	repairing sync.Mutex
}

// New returns a worker that has not started. It does no input or output.
func New(cfg Config, deps Deps) (*Worker, error) {
	if err := errors.Join(cfg.Validate(), deps.validate()); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	js, err := jetstream.New(deps.Conn)
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	w := &Worker{
		cfg: cfg, api: deps.API, store: deps.Store, health: deps.Health, log: deps.Log,
		metrics:  newMetrics(deps.Metrics),
		tracer:   deps.Tracer,
		broker:   broker{nc: deps.Conn, js: js, names: cfg.Names},
		polling:  semaphore.NewWeighted(int64(cfg.Polls)),
		berths:   newBerths(cfg.Transfers),
		throttle: &throttle{backoff: cfg.Backoff},
		crew:     crew.New(),
	}
	w.slots = newSlots(cfg.Polls, cfg.PollRate > 0, w.berths.places)
	w.broker.repair = w.repair
	w.broker.trouble = &trouble{health: deps.Health}
	w.apiGate = &gate{condition: "api", probe: deps.API.Probe, health: deps.Health}
	w.s3Gate = &gate{condition: "store", probe: deps.Store.Probe, health: deps.Health}
	watchSlots(deps.Metrics, w.slots, w.berths)
	deps.Metrics.MustRegister(newBacklog(w.broker))
	return w, nil
}

// Run works until ctx ends, then drains: it takes no further message, arms the
// waits of polled jobs, gives transfers the drain timeout and hands back what
// does not finish. stop ends the drain at once. Run returns nil after a drain,
// and an error only for what no waiting would mend.
func (w *Worker) Run(ctx, stop context.Context) error {
	var stopWorking, stopSettling context.CancelCauseFunc
	w.taking = ctx
	w.working, stopWorking = context.WithCancelCause(context.WithoutCancel(ctx))
	w.settling, stopSettling = context.WithCancelCause(context.WithoutCancel(ctx))
	defer w.crew.Dismiss()
	defer stopSettling(errDraining)
	defer stopWorking(errDraining)
	defer context.AfterFunc(stop, func() { stopSettling(errDraining) })()

	if err := w.setUp(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	w.apiGate.start(ctx)
	w.s3Gate.start(ctx)
	err := w.pull(ctx)
	w.log.Info("draining", zap.Duration("timeout", w.cfg.DrainTimeout))
	w.drain(stopWorking, stopSettling)
	w.apiGate.stop()
	w.s3Gate.stop()
	return err
}

// setUp creates what is missing at the broker, waiting for a broker that is
// away.
func (w *Worker) setUp(ctx context.Context) error {
	backoff := pullBackoff.BackOff()
	for {
		attempt, cancel := context.WithTimeout(ctx, requestLimit)
		err := Setup(attempt, w.broker.nc, w.cfg)
		cancel()
		var wrong *Misconfigured
		if err == nil || errors.As(err, &wrong) {
			w.health.Set("streams", err)
			return err
		}
		w.health.Set("streams", fmt.Errorf("waiting for JetStream: %w", err))
		select {
		case <-time.After(backoff.NextBackOff()):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pull runs both lanes until ctx ends.
func (w *Worker) pull(ctx context.Context) error {
	var limiter *rate.Limiter
	if w.cfg.PollRate > 0 {
		limiter = rate.NewLimiter(rate.Limit(w.cfg.PollRate), 1)
	}
	var pulling sync.WaitGroup
	var failures [lanes]error
	for l, stream := range [lanes]string{due: w.cfg.Names.Wait(), fresh: w.cfg.Names.Jobs()} {
		p := &puller{
			lane: lane(l), nc: w.broker.nc, subject: "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + Durable,
			listen: listenFor(w.cfg.ackWait()),
			slots:  w.slots, limiter: limiter, admit: w.admit, handle: w.handle, report: w.pulled, log: w.log,
		}
		pulling.Go(func() { failures[l] = p.run(ctx) })
	}
	pulling.Wait()
	return errors.Join(failures[:]...)
}

// admit blocks while the pod must not poll.
func (w *Worker) admit(ctx context.Context) error {
	if err := w.apiGate.wait(ctx); err != nil {
		return err
	}
	return w.throttle.wait(ctx)
}

// pulled is told how each pull ended. A consumer or stream that somebody
// deleted is created again.
func (w *Worker) pulled(l lane, err error) {
	if err == nil {
		w.health.Set("streams", nil)
		return
	}
	w.health.Set("streams", fmt.Errorf("%s jobs: %w", l, err))
	w.repair(w.taking)
}

// repair creates again what somebody deleted of the streams and consumers. One
// at a time is enough.
func (w *Worker) repair(ctx context.Context) {
	if w.broker.nc.Status() != nats.CONNECTED || !w.repairing.TryLock() {
		return
	}
	defer w.repairing.Unlock()
	attempt, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	if err := Setup(attempt, w.broker.nc, w.cfg); ctx.Err() == nil {
		w.health.Set("streams", err)
	}
}

// handle takes over a message and its poll slot.
func (w *Worker) handle(m message) {
	w.inHand.Add(1)
	w.crew.Go(func() {
		defer w.inHand.Done()
		w.carry(m)
	})
}

// drain waits for what is in hand: for the drain timeout as long as it works,
// and then for as long as handing back takes.
func (w *Worker) drain(stopWorking, stopSettling context.CancelCauseFunc) {
	defer context.AfterFunc(w.settling, func() { stopWorking(errDraining) })()
	timeout := time.AfterFunc(w.cfg.DrainTimeout, func() { stopWorking(errDraining) })
	defer timeout.Stop()
	limit := time.AfterFunc(w.cfg.DrainTimeout+handBackLimit, func() { stopSettling(errDraining) })
	defer limit.Stop()
	w.inHand.Wait()
}
