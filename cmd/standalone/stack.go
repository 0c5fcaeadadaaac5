package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/daemon"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/jobferry/jobferry/internal/simulator"
)

// The embedded S3 server is reached from this machine only; its keys protect
// nothing and are printed for everybody to use.
const (
	bucket    = "results"
	accessKey = "jobferry"
	secretKey = "jobferry-secret"
	region    = "us-east-1"
)

// simulatedSecret is the client secret that the simulator is started with.
const simulatedSecret = "simulated"

// stack is everything that runs in this process.
type stack struct {
	dir    *os.File // the lock of --dir
	nats   *embedded.NATS
	s3     *embedded.S3
	api    *simulator.Server // nil when a real API is set
	daemon *daemon.Daemon
	cfg    config.Config
}

// startStack starts the servers and binds the worker's address.
func startStack(ctx context.Context, o options, settings *config.Loader) (*stack, error) {
	locked, err := lock(o.dir)
	if err != nil {
		return nil, err
	}
	s := &stack{dir: locked}
	if err := s.startServers(ctx, o); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.load(o, settings); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	log, err := daemon.NewLogger(s.cfg.Worker)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if s.daemon, err = daemon.New(s.cfg, "", log); err != nil {
		return nil, errors.Join(withFlag(err, "--http-addr", o.httpAddr), s.stop())
	}
	return s, nil
}

func (s *stack) startServers(ctx context.Context, o options) (err error) {
	if s.nats, err = embedded.StartNATS(embedded.NATSOptions{Addr: o.natsAddr, Dir: filepath.Join(o.dir, "nats")}); err != nil {
		return withFlag(err, "--nats-addr", o.natsAddr)
	}
	s.s3, err = embedded.StartS3(ctx, embedded.S3Options{
		Addr: o.s3Addr, Dir: filepath.Join(o.dir, "s3"), Buckets: []string{bucket},
		AccessKey: accessKey, SecretKey: secretKey,
	})
	if err != nil {
		return withFlag(err, "--s3-addr", o.s3Addr)
	}
	if os.Getenv("NITRO_API_URL") != "" {
		return nil
	}
	host, _, err := net.SplitHostPort(o.apiAddr)
	if err != nil {
		return withFlag(err, "--api-addr", o.apiAddr)
	}
	s.api, err = simulator.Start(simulator.Options{
		APIAddr: o.apiAddr, FilesAddr: net.JoinHostPort(host, "0"), ClientSecret: simulatedSecret, InventJobs: true,
	})
	if err != nil {
		return withFlag(err, "--api-addr", o.apiAddr)
	}
	return nil
}

// load reads the worker's settings with the addresses of the servers in them.
func (s *stack) load(o options, settings *config.Loader) error {
	over := map[string]string{
		"NATS_URL": s.nats.URL(), "NATS_CONTEXT": "", "NATS_CREDS": "", "NATS_NKEY": "", "NATS_USER": "", "NATS_PASSWORD": "",
		"S3_BUCKET": bucket, "S3_PATH_STYLE": "true", "WORKER_HTTP_ADDR": o.httpAddr,
	}
	if s.api != nil {
		over["NITRO_API_URL"] = s.api.APIURL()
		over["NITRO_CLIENT_ID"], over["NITRO_CLIENT_SECRET"] = "simulator", simulatedSecret
		over["NITRO_CLIENT_SECRET_FILE"], over["NITRO_API_TOKEN"], over["NITRO_API_TOKEN_FILE"] = "", "", ""
		over["NITRO_API_CA"], over["NITRO_API_CERT"], over["NITRO_API_KEY"] = "", "", ""
		over["WORKER_RESULT_HOSTS"] = "127.0.0.1"
	}
	for name, quiet := range map[string]string{"WORKER_LOG_LEVEL": "warn", "WORKER_LOG_FORMAT": "console"} {
		if os.Getenv(name) == "" { // the display tells the rest
			over[name] = quiet
		}
	}
	cfg, err := settings.Load(environment(over))
	if err != nil {
		return err
	}
	s.cfg = cfg
	return useEmbeddedS3(s.s3.URL())
}

// useEmbeddedS3 sets the AWS SDK's own variables: it reads nothing else.
func useEmbeddedS3(url string) error {
	var problems []error
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": url, "AWS_REGION": region,
		"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_SESSION_TOKEN": "",
		"AWS_PROFILE": "", "AWS_CA_BUNDLE": "", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
	} {
		problems = append(problems, os.Setenv(name, value))
	}
	return errors.Join(problems...)
}

// stop takes the servers down in the opposite order.
func (s *stack) stop() error {
	var problems []error
	if s.daemon != nil {
		s.daemon.Close()
	}
	if s.api != nil {
		problems = append(problems, s.api.Close())
	}
	if s.s3 != nil {
		problems = append(problems, s.s3.Stop())
	}
	if s.nats != nil {
		s.nats.Stop()
	}
	problems = append(problems, s.dir.Close())
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("stop the servers: %w", err)
	}
	return nil
}
