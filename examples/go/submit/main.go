// Command submit is a producer: it submits each job ID of its arguments.
//
//	NATS_URL=nats://127.0.0.1:4222 go run ./examples/go/submit ID…
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// limit bounds the wait for the broker's word.
const limit = 30 * time.Second

func main() {
	if err := submit(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "submit:", err)
		os.Exit(1)
	}
}

func submit(ids []string) error {
	nc, err := nats.Connect(cmp.Or(os.Getenv("NATS_URL"), nats.DefaultURL))
	if err != nil {
		return fmt.Errorf("connect to NATS_URL: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for _, id := range ids {
		if err := submitOne(ctx, js, id); err != nil {
			return fmt.Errorf("job %s: %w", id, err)
		}
		fmt.Println("submitted", id)
	}
	return nil
}

// submitOne returns when the broker has stored the submission: from then on it
// is not lost. To submit a job twice does no harm, so an error is a reason to
// try again; the message ID alone makes the broker drop the second within two
// minutes.
func submitOne(ctx context.Context, js jetstream.JetStream, id string) error {
	body, err := json.Marshal(map[string]any{
		"jobID":    id,
		"prefix":   "examples/",
		"metadata": map[string]string{"submittedBy": "go"},
	})
	if err != nil {
		return err
	}
	_, err = js.Publish(ctx, "jobs.submit."+id, body, jetstream.WithMsgID(id))
	return err
}
