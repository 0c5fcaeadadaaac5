package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The roles.
const (
	NATS    = "nats"    // nats-server with JetStream on disk
	S3      = "s3"      // versitygw, on disk
	Discard = "discard" // takes S3 uploads and keeps none of their bytes
	API     = "api"     // the simulated job API with its file host
)

// Store is what S3 and Discard are called where it does not matter which.
const Store = "store"

// What every client knows the servers by.
const (
	Bucket    = "results"
	Region    = "us-east-1"
	AccessKey = "bench-access-key"
	SecretKey = "bench-secret-key"
	Token     = "bench-token"
)

// Hello is the first line of a role's output.
type Hello struct {
	URL string `json:"url"`
}

// Done is what a role says when it has done what a line asked for.
type Done struct {
	Error string `json:"error,omitempty"`
}

// role is a running server.
type role struct {
	url  string
	add  func(Batch) error // nil where there is nothing to add to
	stop func() error
}

// Serve runs the role until in ends. dir is where it may keep its data.
func Serve(ctx context.Context, name, dir string, in io.Reader, out io.Writer) error {
	r, err := start(ctx, name, dir)
	if err != nil {
		return err
	}
	return errors.Join(converse(r, in, out), r.stop())
}

func start(ctx context.Context, name, dir string) (role, error) {
	switch name {
	case NATS:
		return startNATS(dir)
	case S3:
		return startS3(ctx, dir)
	case Discard:
		return startDiscard(ctx)
	case API:
		return startAPI()
	default:
		return role{}, fmt.Errorf("there is no server %q", name)
	}
}

func converse(r role, in io.Reader, out io.Writer) error {
	answers, requests := json.NewEncoder(out), json.NewDecoder(in)
	if err := answers.Encode(Hello{URL: r.url}); err != nil {
		return fmt.Errorf("tell the address: %w", err)
	}
	for {
		var batch Batch
		switch err := requests.Decode(&batch); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read what is asked for: %w", err)
		}
		if err := answers.Encode(do(r, batch)); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

func do(r role, batch Batch) Done {
	if r.add == nil {
		return Done{Error: "this server takes no jobs"}
	}
	if err := r.add(batch); err != nil {
		return Done{Error: err.Error()}
	}
	return Done{}
}
