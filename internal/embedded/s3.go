package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

const (
	// s3StartLimit bounds the wait for the server to listen.
	s3StartLimit = 10 * time.Second
	// s3MaxConnections is far above what a worker in the same process opens.
	s3MaxConnections = 1024
	// s3MaxParts is the limit of S3 itself.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
	s3MaxParts = 10_000

	defaultS3Region = "us-east-1"
)

// S3Options configure an embedded S3 server.
type S3Options struct {
	// Addr is host:port; port 0 picks a free one.
	Addr string
	// Dir is where objects and their metadata are kept; it is created when it
	// is missing, and a later server over the same directory finds them again.
	Dir string
	// AccessKey and SecretKey may do everything.
	AccessKey, SecretKey string
	// Users are others who get in, by access key, with their secret keys. They
	// may do what the policies of buckets say and no more.
	Users map[string]string
	// Region defaults to us-east-1.
	Region string
	// Buckets are created when they do not exist.
	Buckets []string
}

func (o S3Options) validate() error {
	var problems []error
	if o.Dir == "" {
		problems = append(problems, errors.New("the S3 server has no directory"))
	}
	if o.AccessKey == "" || o.SecretKey == "" {
		problems = append(problems, errors.New("the S3 server has no access key or no secret key"))
	}
	return errors.Join(problems...)
}

// S3 is a running S3 server. There can be one per process at a time.
type S3 struct {
	addr   string
	cancel context.CancelFunc
	done   chan struct{} // closed when the server is gone
	err    error         // why it went; read after done
	before string        // the working directory to return to
	stop   sync.Once
}

// StartS3 starts a server, waits until it answers and creates the buckets. A
// taken port is an error that wraps [syscall.EADDRINUSE].
//
// The server lives until Stop; ctx bounds the start alone. Its backend works
// relative to the process's working directory, which therefore stands at the
// objects from here to Stop: make relative paths absolute before.
func StartS3(ctx context.Context, opts S3Options) (*S3, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if opts.Region == "" {
		opts.Region = defaultS3Region
	}
	addr, err := pickS3Addr(ctx, opts.Addr)
	if err != nil {
		return nil, err
	}
	server := &S3{addr: addr, done: make(chan struct{})}
	if err := server.start(opts); err != nil {
		return nil, err
	}
	if err := createBuckets(ctx, server.URL(), opts); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

// URL is the server's endpoint as seen from this machine, without a slash at
// its end.
func (s *S3) URL() string {
	host, port, _ := net.SplitHostPort(s.addr)
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Stop ends the server and waits for it to be gone. It is safe to call twice.
func (s *S3) Stop() error {
	s.stop.Do(func() {
		s.cancel()
		<-s.done
		if err := os.Chdir(s.before); err != nil {
			s.err = errors.Join(s.err, fmt.Errorf("return to the working directory: %w", err))
		}
	})
	return s.err
}

// start runs the gateway and returns when it listens.
func (s *S3) start(opts S3Options) error {
	before, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the working directory: %w", err)
	}
	s.before = before
	backend, err := openS3Dir(opts.Dir)
	if err != nil {
		return err
	}
	users, err := opts.accounts()
	if err != nil {
		return err
	}
	listening := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.done)
		s.err = embedgw.RunVersityGW(ctx, backend, gatewayConfig(s.addr, opts, users, listening))
	}()
	return s.await(listening)
}

func (s *S3) await(listening <-chan struct{}) error {
	timeout := time.NewTimer(s3StartLimit)
	defer timeout.Stop()
	select {
	case <-listening:
		return nil
	case <-s.done:
		err := s.Stop()
		if err == nil {
			err = errors.New("it ended at once")
		}
		return fmt.Errorf("start the S3 server on %s: %w", s.addr, err)
	case <-timeout.C:
		return errors.Join(fmt.Errorf("the S3 server on %s did not listen within %s", s.addr, s3StartLimit), s.Stop())
	}
}

// accounts are those who get in.
func (o S3Options) accounts() (auth.IAMService, error) {
	root := auth.Account{Access: o.AccessKey, Secret: o.SecretKey, Role: auth.RoleAdmin}
	if len(o.Users) == 0 {
		return auth.NewIAMServiceSingle(root), nil // the default is the same, and prints
	}
	dir := filepath.Join(o.Dir, "users")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of S3 users: %w", err)
	}
	users, err := auth.NewInternal(root, dir)
	if err != nil {
		return nil, fmt.Errorf("open the S3 users in %s: %w", dir, err)
	}
	for access, secret := range o.Users {
		err := users.CreateAccount(auth.Account{Access: access, Secret: secret, Role: auth.RoleUser})
		if err != nil && !errors.Is(err, auth.ErrUserExists) {
			return nil, fmt.Errorf("add the S3 user %s: %w", access, err)
		}
	}
	return users, nil
}

func gatewayConfig(addr string, opts S3Options, users auth.IAMService, listening chan<- struct{}) *embedgw.Config {
	return &embedgw.Config{
		RootUserAccess: opts.AccessKey, RootUserSecret: opts.SecretKey, Region: opts.Region,
		IAMService:     users,
		Ports:          []string{addr},
		MaxConnections: s3MaxConnections, MaxRequests: s3MaxConnections, MultipartMaxParts: s3MaxParts,
		KeepAlive: true,
		Quiet:     true, // the banner too
		S3Options: []s3api.Option{s3api.WithOnListen(func() { close(listening) })},
	}
}

// openS3Dir lays out dir and opens it. Metadata stands in files of its own
// beside the objects: extended attributes are missing on tmpfs and on many a
// laptop.
func openS3Dir(dir string) (*posix.Posix, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolve the S3 directory: %w", err)
	}
	objects, metadata := filepath.Join(dir, "objects"), filepath.Join(dir, "metadata")
	for _, d := range []string{objects, metadata} {
		if err := os.MkdirAll(d, 0o750); err != nil {
			return nil, fmt.Errorf("make the S3 directory: %w", err)
		}
	}
	sidecar, err := meta.NewSideCar(metadata)
	if err != nil {
		return nil, fmt.Errorf("open the S3 metadata in %s: %w", metadata, err)
	}
	// PosixOpts.SideCarDir stays empty: all it does is print to stdout.
	backend, err := posix.New(objects, sidecar, posix.PosixOpts{})
	if err != nil {
		return nil, fmt.Errorf("open the S3 objects in %s: %w", objects, err)
	}
	return backend, nil
}

// pickS3Addr resolves addr to one that can be listened on. The gateway takes
// addresses, not listeners, so the port is let go again.
func pickS3Addr(ctx context.Context, addr string) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return "", fmt.Errorf("listen for S3 on %s: %w", addr, err)
	}
	if err := listener.Close(); err != nil {
		return "", fmt.Errorf("let go of %s: %w", addr, err)
	}
	host, _, hostErr := net.SplitHostPort(addr)
	_, port, portErr := net.SplitHostPort(listener.Addr().String())
	if err := errors.Join(hostErr, portErr); err != nil {
		return "", fmt.Errorf("read the S3 address %s: %w", addr, err)
	}
	return net.JoinHostPort(host, port), nil
}

func createBuckets(ctx context.Context, url string, opts S3Options) error {
	client := s3.New(s3.Options{
		BaseEndpoint: &url, UsePathStyle: true, Region: opts.Region,
		Credentials: credentials.NewStaticCredentialsProvider(opts.AccessKey, opts.SecretKey, ""),
	})
	for _, bucket := range opts.Buckets {
		input := &s3.CreateBucketInput{Bucket: aws.String(bucket)}
		if opts.Region != defaultS3Region {
			input.CreateBucketConfiguration = &types.CreateBucketConfiguration{
				LocationConstraint: types.BucketLocationConstraint(opts.Region),
			}
		}
		_, err := client.CreateBucket(ctx, input)
		var owned *types.BucketAlreadyOwnedByYou
		var exists *types.BucketAlreadyExists
		if err != nil && !errors.As(err, &owned) && !errors.As(err, &exists) {
			return fmt.Errorf("create bucket %q: %w", bucket, err)
		}
	}
	return nil
}
