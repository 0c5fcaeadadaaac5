package daemon

import (
	"fmt"
	"os"
	"time"

	"github.com/jobferry/jobferry/internal/consumer"
	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/jobferry/jobferry/internal/page"
	"github.com/jobferry/jobferry/internal/pod"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// show tells other pods what the worker has in hand when they ask, and lets
// the page show the fleet.
func (d *Daemon) show(nc *nats.Conn, cfg consumer.Config, worker *consumer.Worker) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("jetstream: %w", err)
	}
	started := time.Now().UTC()
	service, err := pod.Serve(nc, cfg.Broker.Subjects, func() pod.Report {
		return pod.Report{
			Name: host(), Started: started, Slots: cfg.Transfers,
			Problems: d.health.Problems(), Transfers: worker.Transfers(),
		}
	})
	if err != nil {
		return err
	}
	d.open.addFunc("answers to other pods", func() {
		if err := service.Stop(); err != nil {
			d.log.Debug("the broker was not told that this pod answers no more", zap.Error(err))
		}
	})
	d.page.Show(page.Source{Pod: host(), PodID: service.Info().ID, Fleet: fleet.New(js, cfg.Broker.Subjects), Conn: nc, Subjects: cfg.Broker.Subjects})
	return nil
}

// host is the name that this pod goes by.
func host() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown host"
	}
	return name
}
