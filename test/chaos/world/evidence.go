package world

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/jobferry/jobferry/internal/simulator"

	"github.com/jobferry/jobferry/test/chaos/plan"
)

// Evidence is what could be seen from the outside in a run.
type Evidence struct {
	Acknowledged map[string]int // submissions with a PubAck, by job ID
	Events       []Event
	LastEvent    uint64 // the sequence that the broker gave last
	Objects      []Object
	Sightings    []Sighting
	Orphans      []string          // keys of multipart uploads that nobody ended
	Left         map[string]uint64 // messages by stream: submissions and waits
	Record       simulator.Record  // what the API and the file host saw

	Done     map[plan.Kind]int // faults that were really inflicted
	Starts   int               // of workers
	Ends     []End             // of workers, each
	Problems []error           // of the run itself, or of workers at its end

	Files   []string // that no secret may stand in: logs and metric pages
	Secrets []string // in the clear
	Took    time.Duration
}

// Event is one message of the events stream.
type Event struct {
	Sequence uint64              `json:"sequence"`
	Subject  string              `json:"subject"`
	Header   map[string][]string `json:"header"`
	Data     []byte              `json:"data"`
	At       time.Time           `json:"at"` // when the broker stored it
}

// events reads the events stream from its beginning to its present end.
func (c *cluster) events(ctx context.Context) (events []Event, last uint64, err error) {
	state, err := c.state(ctx, eventStream)
	if err != nil {
		return nil, 0, err
	}
	consumer, err := c.js.OrderedConsumer(ctx, eventStream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, 0, fmt.Errorf("read the events: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, 0, fmt.Errorf("read the events: %w", err)
	}
	defer messages.Stop()
	for uint64(len(events)) < state.Msgs {
		event, err := nextEvent(ctx, messages)
		if err != nil {
			return events, 0, fmt.Errorf("read event %d of %d: %w", len(events)+1, state.Msgs, err)
		}
		events = append(events, event)
	}
	return events, state.LastSeq, nil
}

func nextEvent(ctx context.Context, messages jetstream.MessagesContext) (Event, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	msg, err := messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		return Event{}, err
	}
	meta, err := msg.Metadata()
	if err != nil {
		return Event{}, err
	}
	return Event{meta.Sequence.Stream, msg.Subject(), msg.Headers(), msg.Data(), meta.Timestamp}, nil
}

// readLimit bounds the wait for the next event of a stream that has one.
const readLimit = 30 * time.Second

// collect looks at everything that outlives the workers.
func (w *World) collect(ctx context.Context, e *Evidence) error {
	var problems []error
	keep := func(err error) { problems = append(problems, err) }
	var err error
	e.Events, e.LastEvent, err = w.cluster.events(ctx)
	keep(err)
	e.Objects, err = w.store.objects(ctx)
	keep(err)
	e.Orphans, err = w.store.orphans(ctx)
	keep(err)
	e.Left = map[string]uint64{}
	for _, stream := range []string{submissionStream, waitStream} {
		state, err := w.cluster.state(ctx, stream)
		keep(err)
		e.Left[stream] = state.Msgs
	}
	e.Record = w.api.server.Record()
	e.Files = w.files()
	e.Secrets = []string{secretKey, clientSecret}
	return errors.Join(problems...)
}

// files are the workers' logs and metric pages: those that have to be there,
// whether they are or not.
func (w *World) files() []string {
	files := []string{logFile(w.dir, hookIndex)}
	for _, place := range w.workers.all {
		files = append(files, logFile(w.dir, place.index), metricsFile(w.dir, place.index))
	}
	return files
}
