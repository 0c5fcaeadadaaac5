package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// program is what all jobs share.
type program struct {
	js     jetstream.JetStream
	http   *http.Client
	s3     *s3.Client
	api    string
	token  string
	bucket string
}

// run takes jobs until ctx ends, as many at once as a worker has transfers.
func run(ctx context.Context) error {
	atOnce, err := strconv.Atoi(os.Getenv("WORKER_TRANSFERS"))
	if err != nil {
		return fmt.Errorf("WORKER_TRANSFERS: %w", err)
	}
	conn, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		return err
	}
	defer conn.Close()
	p, err := newProgram(ctx, conn, atOnce)
	if err != nil {
		return err
	}
	consumer, err := p.js.Consumer(ctx, "JOBS", "jobferry")
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(4 * atOnce))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	var group errgroup.Group
	for range atOnce {
		group.Go(func() error { return p.work(messages) })
	}
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

func newProgram(ctx context.Context, conn *nats.Conn, atOnce int) (*program, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = atOnce // or most connections would be made anew
	client := &http.Client{Transport: transport}
	chain, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client))
	if err != nil {
		return nil, err
	}
	return &program{
		js: js, http: client, api: os.Getenv("NITRO_API_URL"), token: os.Getenv("NITRO_API_TOKEN"), bucket: os.Getenv("S3_BUCKET"),
		s3: s3.NewFromConfig(chain, func(o *s3.Options) {
			o.UsePathStyle = true
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		}),
	}, nil
}
