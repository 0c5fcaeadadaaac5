package daemon

import (
	"cmp"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/consumer"
	"github.com/jobferry/jobferry/internal/fetch"
	"github.com/jobferry/jobferry/internal/fetch/auth"
	"github.com/jobferry/jobferry/internal/httpclient"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/jobferry/jobferry/internal/sink"
)

// BrokerConfig composes the streams from the settings. A command that only reads
// them has no other settings of a worker.
func BrokerConfig(cfg config.Config) (broker.Config, error) {
	subjects, err := broker.NewSubjects(cfg.Worker.SubjectPrefix)
	return broker.Config{
		Subjects:     subjects,
		Replicas:     cfg.Worker.StreamReplicas,
		EventsMaxAge: cfg.Worker.EventsMaxAge,
	}, err
}

func consumerConfig(cfg config.Config) (consumer.Config, error) {
	streams, err := BrokerConfig(cfg)
	if err != nil {
		return consumer.Config{}, err
	}
	return consumer.Config{
		Broker:       streams,
		Polls:        cfg.Worker.Polls,
		Transfers:    cfg.Worker.Transfers,
		PollRate:     cfg.Worker.PollRate,
		Backoff:      cfg.Worker.Backoff,
		MaxCrashes:   cfg.Worker.MaxCrashes,
		DrainTimeout: cfg.Worker.DrainTimeout,
		Rules: job.Rules{
			Bucket: cfg.S3.Bucket, AllowedBuckets: cfg.S3.AllowedBuckets, Tags: cfg.S3.Tags, Deadline: cfg.Worker.JobDeadline,
		},
	}, nil
}

func fetchConfig(cfg config.Config) fetch.Config {
	return fetch.Config{
		BaseURL:        cfg.API.URL,
		ClientID:       cfg.API.ClientID,
		ClientSecret:   credential(cfg.API.ClientSecret, cfg.API.ClientSecretFile),
		Token:          credential(cfg.API.Token, cfg.API.TokenFile),
		TLS:            httpclient.TLSFiles{CA: cfg.API.CA, Cert: cfg.API.Cert, Key: cfg.API.Key},
		ResultHosts:    cfg.Worker.ResultHosts,
		MaxResultBytes: cfg.Worker.MaxResultBytes,
		RequestTimeout: cfg.Worker.PollTimeout,
		StallLimit:     cfg.Worker.DownloadStall,
		IdleConns:      max(cfg.Worker.Polls, cfg.Worker.Transfers),
	}
}

// credential returns nil when neither form is set.
func credential(value secret.String, file string) auth.Credential {
	switch {
	case file != "":
		return auth.FileCredential(file)
	case !value.IsZero():
		return auth.FixedCredential(value)
	}
	return nil
}

func sinkConfig(cfg config.Config) sink.Config {
	return sink.Config{
		Bucket:       cfg.S3.Bucket,
		Prefix:       cfg.S3.Prefix,
		StorageClass: cfg.S3.StorageClass,
		SSE:          cfg.S3.SSE,
		SSEKMSKeyID:  cfg.S3.SSEKMSKeyID,
		PathStyle:    cfg.S3.PathStyle,
		Checksum:     sink.Mode(cfg.S3.Checksum),
		Transfers:    cfg.Worker.Transfers,
		PartSize:     cmp.Or(cfg.S3.PartSize, sink.PartSizeFor(cfg.Worker.MaxResultBytes)),

		Tags:                cfg.S3.Tags,
		ACL:                 cfg.S3.ACL,
		CacheControl:        cfg.S3.CacheControl,
		ContentDisposition:  cfg.S3.ContentDisposition,
		BucketKeyEnabled:    cfg.S3.BucketKeyEnabled,
		ExpectedBucketOwner: cfg.S3.ExpectedBucketOwner,
	}
}
