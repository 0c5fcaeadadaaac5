// Command subscribe is a subscriber with a queue of its own on the events: it
// does its work once for each job, whatever is delivered twice and whenever it
// is killed. The work here is a file for each job in a folder; docs/EVENTS.md
// says how the same holds for a database or another service.
//
//	NATS_URL=nats://127.0.0.1:4222 go run ./examples/go/subscribe invoices ./inbox
//
// The first argument names the queue. Programs that share a name share the
// work; with names of their own, each gets all events.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// event is what this program wants to know; docs/schemas has the rest.
type event struct {
	ID   string `json:"id"`
	Data struct {
		Status  string `json:"status"`
		Reason  string `json:"reason"`
		Objects []struct {
			Bucket string `json:"bucket"`
			Key    string `json:"key"`
		} `json:"objects"`
	} `json:"data"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: subscribe QUEUE FOLDER")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := subscribe(ctx, os.Args[1], os.Args[2])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "subscribe:", err)
		os.Exit(1)
	}
}

func subscribe(ctx context.Context, queue, folder string) error {
	nc, err := nats.Connect(cmp.Or(os.Getenv("NATS_URL"), nats.DefaultURL), nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connect to NATS_URL: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, "JOBS_EVENTS", jetstream.ConsumerConfig{
		Durable:        queue, // the broker remembers what is done while nobody runs
		FilterSubjects: []string{"jobs.events.completed.*", "jobs.events.failed.*", "jobs.events.canceled.*"},
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        30 * time.Second, // longer than the work takes
		MaxDeliver:     -1,               // give nothing up by itself
	})
	if err != nil {
		return fmt.Errorf("queue %s: %w", queue, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(8)) // all done within the ack wait
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, messages.Stop)
	for {
		msg, err := messages.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return nil
		}
		if err == nil {
			err = take(ctx, msg, folder)
		}
		if err != nil {
			return err
		}
	}
}

// take does the work and then acknowledges. A program that dies in between is
// given the event again, and finds its work done. The acknowledgement is
// confirmed, so that one that was lost shows.
func take(ctx context.Context, msg jetstream.Msg, folder string) error {
	var e event
	if err := json.Unmarshal(msg.Data(), &e); err != nil {
		return msg.TermWithReason("not an event: " + err.Error())
	}
	err := work(e, msg.Data(), folder)
	switch {
	case errors.Is(err, fs.ErrExist): // done before
	case err != nil:
		return err
	default:
		fmt.Println(e.Data.Status, e.ID, e.Data.Reason, e.Data.Objects)
	}
	return msg.DoubleAck(ctx)
}

// work makes a file named after the event, all of it or nothing, and returns
// an error that wraps [fs.ErrExist] when there is one: what is done and the
// record of having done it are one and the same.
func work(e event, body []byte, folder string) error {
	whole, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(whole.Name())
	_, err = whole.Write(body)
	if err = errors.Join(err, whole.Close()); err != nil {
		return err
	}
	return os.Link(whole.Name(), filepath.Join(folder, e.ID+".json"))
}
