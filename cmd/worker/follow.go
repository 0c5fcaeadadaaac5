package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// leaveLimit bounds what a command does for the broker's sake at its end.
const leaveLimit = time.Second

// follow calls take for each message of the sources, one at a time and those
// of each source in order, through outages of the broker. It returns what take
// does when that is an error, and nil when ctx ends.
func (c *client) follow(ctx context.Context, sources []jetstream.OrderedConsumerConfig, take func(jetstream.Msg) error) error {
	reading, end := context.WithCancelCause(ctx)
	defer end(nil)
	var turn sync.Mutex
	handle := func(msg jetstream.Msg) {
		turn.Lock()
		defer turn.Unlock()
		if reading.Err() != nil {
			return
		}
		if err := take(msg); err != nil {
			end(err)
		}
	}
	for _, source := range sources {
		// With ctx: the first source may end the reading while the second is
		// being opened.
		ordered, err := c.js.OrderedConsumer(ctx, c.subjects.Events(), source)
		if err != nil {
			return fmt.Errorf("read stream %s: %w", c.subjects.Events(), err)
		}
		consuming, err := ordered.Consume(handle)
		if err != nil {
			return fmt.Errorf("read stream %s: %w", c.subjects.Events(), err)
		}
		defer c.leave(ordered, consuming)
	}
	<-reading.Done()
	if err := context.Cause(reading); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// leave stops reading and removes what the broker keeps of the reader. Without
// a connection the library would first wait for one, and the broker forgets
// the reader by itself.
func (c *client) leave(reader jetstream.Consumer, consuming jetstream.ConsumeContext) {
	if !c.nc.IsConnected() {
		return
	}
	consuming.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), leaveLimit)
	defer cancel()
	_ = c.js.DeleteConsumer(ctx, c.subjects.Events(), reader.CachedInfo().Name)
}
