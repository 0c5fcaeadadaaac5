// Package preflight tries what a worker needs of JetStream before it runs, and
// changes nothing there. It is what `worker check` does with the broker.
package preflight

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/broker/preflight/permission"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// inspectLimit bounds one question of an inspection.
const inspectLimit = 3 * time.Second

// probeID stands in the place of a job in the subjects that an inspection tries.
const probeID = "jobferry-check"

// neverStored is a sequence that no stream comes to.
const neverStored = "4611686018427387904" // 2^62

// errorStreamMismatch is the broker's error code for a message that expects
// another stream: proof that it may be published, and that it was not stored.
const errorStreamMismatch jetstream.ErrorCode = 10060

// notThere is what is found of what is missing.
const notThere = "not there yet: `worker run` creates it, and `worker setup`"

// Report is told of each thing that was tried: what it is, what was found of it,
// and in an error what is wrong and what to do about it.
type Report func(what, found string, err error)

// Run tries what a worker needs of JetStream, and changes nothing. A stream
// that is missing is no error if the worker can create it. The user has to be
// able to get answers.
func Run(ctx context.Context, nc *nats.Conn, cfg broker.Config, report Report) error {
	cfg = cfg.WithDefaults()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("jetstream: %w", err)
	}
	i := inspection{nc: nc, js: js, cfg: cfg, report: report}
	i.mayFind = sync.OnceValue(func() bool { return i.try(ctx, findsStreams) })
	consumers := broker.ConsumerConfigs(cfg)
	for _, want := range broker.StreamConfigs(cfg) {
		if err := i.stream(ctx, want); isOff(err) {
			return nil // reported; nothing else would be answered either
		}
		if consumer, has := consumers[want.Name]; has {
			i.consumer(ctx, want.Name, consumer)
		}
		for _, p := range uses(cfg.Subjects, want.Name) {
			i.try(ctx, p)
		}
	}
	return nil
}

// inspection is one under way.
type inspection struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	cfg    broker.Config
	report Report
	// mayFind reports whether the broker says which stream takes a subject. It
	// is tried when it is first of use.
	mayFind func() bool
}

// stream looks at a stream, and at what it takes to create it if it is missing.
// It returns why it could not be looked at, which it has reported.
func (i inspection) stream(ctx context.Context, want jetstream.StreamConfig) error {
	what := "stream " + want.Name
	have, err := i.lookUp(ctx, want.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		i.missing(ctx, what, want)
	case err != nil:
		i.report(what, "", err)
	default:
		i.report(what, fmt.Sprintf("%d replicas, %d messages", have.Config.Replicas, have.State.Msgs), unfit(have.Config, want))
	}
	return err
}

func (i inspection) lookUp(ctx context.Context, stream string) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectLimit)
	defer cancel()
	infos := "$JS.API.STREAM.INFO." + stream
	var found jetstream.Stream
	_, err := permission.Ask(ctx, i.nc, nats.NewMsg(infos), infos)
	if err == nil {
		found, err = i.js.Stream(ctx, stream)
	}
	switch {
	case isOff(err):
		return nil, fmt.Errorf("%s: %w", broker.JetStreamOff, err)
	case err != nil:
		return nil, permission.Unanswered(infos, err)
	}
	return found.CachedInfo(), nil
}

// isOff reports whether JetStream does not answer at all.
func isOff(err error) bool {
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) ||
		errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount)
}

// unfit says what about an existing stream is not as it has to be.
func unfit(have, want jetstream.StreamConfig) error {
	if err := broker.CheckStream(have, want); err != nil {
		return err
	}
	if have.Replicas != want.Replicas {
		return fmt.Errorf("it has %d replicas and WORKER_STREAM_REPLICAS is %d: run `nats stream edit --replicas=%d %s`, or change the setting",
			have.Replicas, want.Replicas, want.Replicas, want.Name)
	}
	return nil
}

// missing reports whether a stream that is not there could be created.
func (i inspection) missing(ctx context.Context, what string, want jetstream.StreamConfig) {
	version := i.nc.ConnectedServerVersion()
	if want.AllowMsgSchedules && predatesSchedules(version) {
		i.report(what, "", broker.NoSchedules(want.Name, "nats-server "+version+" does not support them; "+broker.SchedulesSince))
	} else {
		i.report(what, notThere, nil)
	}
	i.try(ctx, creates(want.Name))
	if !i.mayFind() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, inspectLimit)
	defer cancel()
	if err := broker.Overlap(ctx, i.js, want); err != nil {
		i.report("subjects of "+want.Name, "", err)
	}
}

// predatesSchedules reports whether a nats-server is older than message
// schedules. Whether a stream has them its configuration says, for certain; this
// is for one that is not there and must not be created to see. A version that
// does not say is no reason to warn.
func predatesSchedules(version string) bool {
	numbers := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(numbers) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(numbers[0])
	minor, err2 := strconv.Atoi(numbers[1])
	return err1 == nil && err2 == nil && (major < 2 || major == 2 && minor < 12)
}

// consumer looks at the consumer of a stream, and tries what it is for.
func (i inspection) consumer(ctx context.Context, stream string, want jetstream.ConsumerConfig) {
	what := fmt.Sprintf("consumer %s of %s", want.Durable, stream)
	have, err := i.lookUpConsumer(ctx, stream, want.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		i.report(what, notThere, nil)
		i.try(ctx, createsConsumer(stream))
	case err != nil:
		i.report(what, "", err)
	default:
		if !broker.SameConsumer(have.Config, want) {
			err = errors.New("its settings are not the worker's: run `worker setup`")
		}
		i.report(what, fmt.Sprintf("%d pending", have.NumPending), err)
	}
	for _, p := range consumes(stream) {
		i.try(ctx, p)
	}
}

func (i inspection) lookUpConsumer(ctx context.Context, stream, name string) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectLimit)
	defer cancel()
	infos := "$JS.API.CONSUMER.INFO." + stream + "." + name
	if _, err := permission.Ask(ctx, i.nc, nats.NewMsg(infos), infos); err != nil {
		return nil, err
	}
	consumer, err := i.js.Consumer(ctx, stream, name)
	if err != nil {
		return nil, permission.Unanswered(infos, err)
	}
	return consumer.CachedInfo(), nil
}
