package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxWaiting is how many pull requests of a consumer the broker keeps. Every
// idle pod has one open; the default of 512 would cap the fleet.
const maxWaiting = 16384

// errOverlap is the broker's error code for a stream whose subjects belong to
// another already.
const errOverlap jetstream.ErrorCode = 10065

// DefaultAckWait is how long the broker waits for a sign of life before it hands
// a message to another worker.
const DefaultAckWait = 30 * time.Second

// Config is how the streams and consumers are made.
type Config struct {
	Subjects     Subjects
	Replicas     int           // of the streams that are created
	EventsMaxAge time.Duration // of the events stream
	AckWait      time.Duration // DefaultAckWait when zero; shorter ones are for tests
}

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	var problems []error
	if c.Subjects == (Subjects{}) {
		problems = append(problems, errors.New("the subject names are not set"))
	}
	if c.Replicas < 1 {
		problems = append(problems, fmt.Errorf("replicas is %d, it must be 1 or more", c.Replicas))
	}
	return errors.Join(problems...)
}

// WithDefaults fills in the values that are zero.
func (c Config) WithDefaults() Config {
	c.AckWait = cmp.Or(c.AckWait, DefaultAckWait)
	return c
}

// Misconfigured is a state of the broker that waiting does not change: a
// person has to.
type Misconfigured struct {
	err error
}

// Error says what is wrong with the broker, and what a person has to do.
func (m *Misconfigured) Error() string { return m.err.Error() }

// Unwrap returns the same as an error, so that the broker's own can be found.
func (m *Misconfigured) Unwrap() error { return m.err }

func misconfigured(format string, args ...any) error {
	return &Misconfigured{err: fmt.Errorf(format, args...)}
}

// Setup creates what is missing of the worker's streams and consumers, and
// checks what is there. An error that is no [Misconfigured] may pass by
// itself.
func Setup(ctx context.Context, nc *nats.Conn, cfg Config) error {
	cfg = cfg.WithDefaults()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("jetstream: %w", err)
	}
	for _, want := range StreamConfigs(cfg) {
		if err := ensureStream(ctx, js, want); err != nil {
			return err
		}
	}
	for stream, want := range ConsumerConfigs(cfg) {
		if err := ensureConsumer(ctx, js, stream, want); err != nil {
			return err
		}
	}
	return nil
}

// StreamConfigs are the streams that a worker needs.
func StreamConfigs(cfg Config) []jetstream.StreamConfig {
	s := cfg.Subjects
	return []jetstream.StreamConfig{{
		Name:        s.Jobs(),
		Description: "Jobferry: submitted job IDs",
		Subjects:    s.Submissions(),
		Retention:   jetstream.WorkQueuePolicy,
		Discard:     jetstream.DiscardNew,
		Storage:     jetstream.FileStorage,
		Replicas:    cfg.Replicas,
		AllowDirect: true,
	}, {
		Name:              s.Wait(),
		Description:       "Jobferry: timers of waiting jobs, and jobs that are due",
		Subjects:          []string{s.AllWaits(), s.AllDue()},
		Retention:         jetstream.WorkQueuePolicy,
		Storage:           jetstream.FileStorage,
		Replicas:          cfg.Replicas,
		AllowDirect:       true,
		AllowRollup:       true,
		AllowMsgSchedules: true,
	}, {
		Name:        s.Events(),
		Description: "Jobferry: one terminal event for each job",
		Subjects:    []string{s.AllEvents()},
		Retention:   jetstream.LimitsPolicy,
		MaxAge:      cfg.EventsMaxAge,
		Storage:     jetstream.FileStorage,
		Replicas:    cfg.Replicas,
		AllowDirect: true,
	}}
}

// ConsumerConfigs are the consumers that a worker needs, by stream.
func ConsumerConfigs(cfg Config) map[string]jetstream.ConsumerConfig {
	consumer := func(filters ...string) jetstream.ConsumerConfig {
		return jetstream.ConsumerConfig{
			Durable:        Durable,
			FilterSubjects: filters,
			AckPolicy:      jetstream.AckExplicitPolicy,
			AckWait:        cfg.AckWait,
			MaxDeliver:     -1,
			MaxAckPending:  -1,
			MaxWaiting:     maxWaiting,
		}
	}
	return map[string]jetstream.ConsumerConfig{
		cfg.Subjects.Jobs(): consumer(cfg.Subjects.Submissions()...),
		cfg.Subjects.Wait(): consumer(cfg.Subjects.AllDue()),
	}
}

func ensureStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	stream, err := js.Stream(ctx, want.Name)
	if err == nil {
		return CheckStream(stream.CachedInfo().Config, want)
	}
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return brokerError("look up stream "+want.Name, err)
	}
	stream, err = js.CreateStream(ctx, want)
	switch {
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse): // another pod was first
		return ensureStream(ctx, js, want)
	case isAPIError(err, errOverlap):
		return overlapError(ctx, js, want)
	case err != nil:
		return brokerError("create stream "+want.Name, err)
	}
	if want.AllowMsgSchedules && !stream.CachedInfo().Config.AllowMsgSchedules {
		// An older server ignores the flag. The stream is ours and a moment
		// old; left behind it would stand in the way of an upgrade.
		_ = js.DeleteStream(ctx, want.Name)
		return NoSchedules(want.Name, "this nats-server does not support them; "+SchedulesSince)
	}
	return nil
}

// overlapError explains why the broker says that a stream's subjects are another's.
func overlapError(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	if err := Overlap(ctx, js, want); err != nil {
		return err
	}
	return misconfigured("stream %s cannot be created: its subjects overlap with those of another stream; set another WORKER_SUBJECT_PREFIX", want.Name)
}

// Overlap names the stream that takes a subject of a missing one already, if the
// broker tells of one.
func Overlap(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	for _, subject := range want.Subjects {
		if other, err := js.StreamNameBySubject(ctx, subject); err == nil {
			return misconfigured("stream %s cannot be created: stream %s takes %s already; delete it or set another WORKER_SUBJECT_PREFIX",
				want.Name, other, subject)
		}
	}
	return nil
}

func ensureConsumer(ctx context.Context, js jetstream.JetStream, stream string, want jetstream.ConsumerConfig) error {
	have, err := js.Consumer(ctx, stream, want.Durable)
	if err == nil && SameConsumer(have.CachedInfo().Config, want) {
		return nil
	}
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return brokerError("look up consumer "+want.Durable+" of "+stream, err)
	}
	if _, err := js.CreateOrUpdateConsumer(ctx, stream, want); err != nil {
		return brokerError("create consumer "+want.Durable+" of "+stream, err)
	}
	return nil
}

// SameConsumer reports whether an existing consumer works as the wanted one.
func SameConsumer(have, want jetstream.ConsumerConfig) bool {
	filters := have.FilterSubjects
	if have.FilterSubject != "" {
		filters = []string{have.FilterSubject}
	}
	return slices.Equal(filters, want.FilterSubjects) && have.AckPolicy == want.AckPolicy &&
		have.AckWait == want.AckWait && have.MaxDeliver == want.MaxDeliver &&
		have.MaxAckPending == want.MaxAckPending && have.MaxWaiting == want.MaxWaiting
}

// brokerError tells what will pass from what will not: an answer of the
// JetStream API that blames the request is final, silence is not.
func brokerError(what string, err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.Code < 500 {
		return misconfigured("%s: %w", what, err)
	}
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		return misconfigured("%s: %w: %s", what, err, JetStreamOff)
	}
	if errors.Is(err, nats.ErrNoResponders) {
		// Not final: a server without JetStream that has lost those with it, in
		// its cluster or behind a leaf node's link, says the same.
		return fmt.Errorf("%s: %w: %s", what, err, JetStreamOff)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// JetStreamOff says what to do when nobody answers for JetStream.
const JetStreamOff = "JetStream is off for this account: enable it on the nats-server (`jetstream {}` in its configuration, or -js) and for the account that this user is in"
