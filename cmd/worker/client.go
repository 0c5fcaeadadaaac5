package main

import (
	"context"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/consumer"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// client is what the commands need that only talk to the broker.
type client struct {
	nc    *nats.Conn
	js    jetstream.JetStream
	names consumer.Names
}

// connect returns a client; the caller closes its connection.
func connect(ctx context.Context, cfg config.Config, command string) (*client, error) {
	names, err := consumer.NewNames(cfg.Worker.SubjectPrefix)
	if err != nil {
		return nil, err
	}
	nc, err := broker.ConnectOnce(ctx, cfg.NATS, "jobferry "+command, zap.NewNop())
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &client{nc: nc, js: js, names: names}, nil
}
