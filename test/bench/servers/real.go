package servers

import (
	"context"
	"path/filepath"

	"github.com/jobferry/jobferry/internal/embedded"
)

func startNATS(dir string) (role, error) {
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: filepath.Join(dir, NATS)})
	if err != nil {
		return role{}, err
	}
	return role{url: server.URL(), stop: func() error {
		server.Stop()
		return nil
	}}, nil
}

func startS3(ctx context.Context, dir string) (role, error) {
	server, err := embedded.StartS3(ctx, embedded.S3Options{
		Addr: "127.0.0.1:0", Dir: filepath.Join(dir, S3), Region: Region,
		AccessKey: AccessKey, SecretKey: SecretKey, Buckets: []string{Bucket},
	})
	if err != nil {
		return role{}, err
	}
	return role{url: server.URL(), stop: server.Stop}, nil
}
