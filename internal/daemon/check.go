package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/broker/preflight"
	"github.com/jobferry/jobferry/internal/broker/preflight/permission"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/fetch"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/natsconn"
	"github.com/jobferry/jobferry/internal/pod"
	"github.com/jobferry/jobferry/internal/sink"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// checkLimit bounds what is asked of one dependency. Of the broker it bounds
// the first answer: each further question has a limit of its own.
const checkLimit = 20 * time.Second

// Check tries each dependency as a worker with these settings would, and tells
// report of what it finds. It takes no job, creates no stream, and deletes the
// one object that it stores. The error is of settings that cannot be used at
// all.
func Check(ctx context.Context, cfg config.Config, report preflight.Report) error {
	settings, err := BrokerConfig(cfg)
	if err != nil {
		return err
	}
	if err := checkBroker(ctx, cfg.NATS, settings, report); err != nil {
		return err
	}
	checkAPI(ctx, fetchConfig(cfg), report)
	checkStore(ctx, sinkConfig(cfg), cfg.S3.AllowedBuckets, report)
	return nil
}

func checkBroker(ctx context.Context, cfg config.NATS, settings broker.Config, report preflight.Report) error {
	connecting, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	nc, err := natsconn.ConnectOnce(connecting, cfg, "jobferry worker check", zap.NewNop())
	if err != nil {
		report("nats connection", "", err)
		return nil
	}
	defer nc.Close()
	report("nats connection", fmt.Sprintf("nats-server %s at %s; 2.14.5 or later is recommended", nc.ConnectedServerVersion(), nc.ConnectedUrlRedacted()), nil)
	inbox, err := permission.Inbox(connecting, nc)
	report("inbox", inbox, err)
	if err != nil {
		return nil // no answer would come to what is asked
	}
	if err := preflight.Run(ctx, nc, settings, report); err != nil {
		return err
	}
	pod.Inspect(ctx, nc, settings.Subjects, report)
	return nil
}

func checkAPI(ctx context.Context, cfg fetch.Config, report preflight.Report) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	api, err := fetch.New(cfg, zap.NewNop(), prometheus.NewRegistry())
	if err == nil {
		defer api.Close()
		err = api.Probe(ctx)
	}
	report("job API", "answers, and takes the credentials", err)
	if proxy := fetch.ProxyNotUsed(); proxy != "" {
		report("proxy", proxy+"; "+fetch.NoProxyForFiles, nil)
	}
}

func checkStore(ctx context.Context, cfg sink.Config, allowed []string, report preflight.Report) {
	opening, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	store, err := sink.New(opening, cfg, zap.NewNop(), prometheus.NewRegistry())
	if err != nil {
		report("bucket", "", err)
		return
	}
	defer store.Close()
	err = store.Probe(opening)
	report("bucket", cfg.Bucket+" is there", err)
	if away, ok := errors.AsType[*job.Error](err); ok && away.Class == job.ClassUnavailable {
		return // what is away says nothing of other buckets
	}
	if err == nil {
		store.Try(opening, report)
	}
	for _, bucket := range allowed {
		if bucket != cfg.Bucket {
			checkBucket(ctx, store, bucket, report)
		}
	}
}

// checkBucket tries a bucket that submissions may name. Nothing is stored in it:
// it may be somebody else's.
func checkBucket(ctx context.Context, store *sink.Store, bucket string, report preflight.Report) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	report("bucket "+bucket, "is there; storing in it was not tried", store.ProbeBucket(ctx, bucket))
}
