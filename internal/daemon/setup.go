package daemon

import (
	"context"
	"fmt"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/natsconn"
	"go.uber.org/zap"
)

// SetUp creates the streams and consumers that are missing, so that producers
// can publish before the first worker runs.
func SetUp(ctx context.Context, cfg config.Config, log *zap.Logger) error {
	settings, err := BrokerConfig(cfg)
	if err != nil {
		return err
	}
	nc, err := natsconn.ConnectOnce(ctx, cfg.NATS, "jobferry worker setup", log)
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := broker.Setup(ctx, nc, settings); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	return nil
}
