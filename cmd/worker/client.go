package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/natsconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// confirmLimit bounds the wait for the broker's word on a published message.
const confirmLimit = 10 * time.Second

// client is what the commands need that only talk to the broker.
type client struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	subjects broker.Subjects
}

// connect returns a client; the caller closes its connection. What the
// connection has to say later goes to errs.
func connect(ctx context.Context, cfg config.Config, command string, errs io.Writer) (*client, error) {
	subjects, err := broker.NewSubjects(cfg.Worker.SubjectPrefix)
	if err != nil {
		return nil, err
	}
	nc, err := natsconn.ConnectOnce(ctx, cfg.NATS, "jobferry "+command, warnings(errs))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncTimeout(confirmLimit))
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &client{nc: nc, js: js, subjects: subjects}, nil
}

// warnings is a logger for people at a terminal.
func warnings(out io.Writer) *zap.Logger {
	encoder := zapcore.NewConsoleEncoder(zapcore.EncoderConfig{
		NameKey: "name", MessageKey: "message", ConsoleSeparator: ": ",
	})
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(out)), zapcore.WarnLevel)).Named("worker")
}

func missingStream(name string) error {
	return fmt.Errorf("there is no stream %s yet: run `worker setup`, or start a worker", name)
}
