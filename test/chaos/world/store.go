package world

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/jobferry/jobferry/internal/embedded"
)

// Bucket is where every result goes.
const Bucket = "results"

// What the workers know the store by. The secret key is one of the texts that
// no log may hold.
const (
	region    = "us-east-1"
	accessKey = "chaos-access-key"
	secretKey = "chaos-secret-key-that-no-log-may-show"
)

// lookers are as many as look at objects at once as a rule.
const lookers = 64

// store is an S3 server in this process; before it a proxy that can answer
// errors in its place, and before that a proxy.
type store struct {
	server   *embedded.S3
	frontend *storeProxy
	proxy    *proxy
	client   *s3.Client // past the frontend and the proxy
	idle     func()     // closes the client's idle connections, which a server that stops waits for
}

func startStore(ctx context.Context, dir string) (*store, error) {
	s := &store{}
	var err error
	s.server, err = embedded.StartS3(ctx, embedded.S3Options{
		Addr: "127.0.0.1:0", Dir: filepath.Join(dir, "s3"), AccessKey: accessKey, SecretKey: secretKey,
		Region: region, Buckets: []string{Bucket},
	})
	if err != nil {
		return nil, err
	}
	url := s.server.URL()
	transport := &http.Transport{MaxIdleConnsPerHost: lookers}
	s.idle = transport.CloseIdleConnections
	s.client = s3.New(s3.Options{
		BaseEndpoint: &url, Region: region, UsePathStyle: true, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
	if s.frontend, err = newStoreProxy(url, s.head); err != nil {
		return s, err
	}
	if s.proxy, err = newProxy("store"); err != nil {
		return s, err
	}
	s.proxy.aim(strings.TrimPrefix(s.frontend.url(), "http://"))
	return s, nil
}

func (s *store) close() error {
	var problems []error
	if s.proxy != nil {
		problems = append(problems, s.proxy.close())
	}
	if s.frontend != nil {
		problems = append(problems, s.frontend.close())
	}
	s.idle()
	return errors.Join(append(problems, s.server.Stop())...)
}
