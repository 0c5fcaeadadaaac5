package sink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/gopool"
	"github.com/jobferry/jobferry/internal/httpclient"
	"github.com/jobferry/jobferry/internal/sink/s3client"
)

// The limits of a connection. None is over a whole upload: a large one may
// take hours, as long as it moves.
const (
	dialTimeout   = 10 * time.Second
	dialKeepAlive = 30 * time.Second
	tlsTimeout    = 10 * time.Second
	// headerTimeout runs from the end of the body, which S3 answers only after
	// it has checked and replicated it.
	headerTimeout = 60 * time.Second
)

// defaultRegion is what a store without regions is signed with, and the one
// that S3 itself starts from.
const defaultRegion = "us-east-1"

// Store puts results into S3. It is safe for concurrent use.
type Store struct {
	cfg       Config
	client    *s3.Client
	transport *httpclient.Renewing
	pool      *gopool.Pool // has the stacks for the SDK
	buffers   *buffers
	modes     modes       // of the buckets
	refused   atomic.Bool // the last object
	unknown   unknownUploads
	unlisted  sync.Map // of the buckets whose uploads cannot be listed
	metrics   *metrics
	log       *zap.Logger
}

// New opens a store with the AWS SDK's own chain of settings: region (us-east-1
// when there is none), keys, profile, web identity, AWS_ENDPOINT_URL_S3,
// AWS_CA_BUNDLE. It does not ask the store for anything; see [Store.Probe].
func New(ctx context.Context, cfg Config, log *zap.Logger, reg prometheus.Registerer) (*Store, error) {
	cfg = cfg.withDefaults()
	chain, err := load(ctx, cfg.Transfers)
	if err != nil {
		return nil, fmt.Errorf("load the AWS settings: %w", err)
	}
	return open(cfg, chain, log, reg)
}

// load reads the SDK's settings for this many uploads at once.
func load(ctx context.Context, transfers int) (aws.Config, error) {
	return config.LoadDefaultConfig(ctx,
		config.WithDefaultRegion(defaultRegion),
		// Known to the loader, which adds AWS_CA_BUNDLE to it.
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(tune(transfers))),
	)
}

// open builds a store on settings that are loaded.
func open(cfg Config, chain aws.Config, log *zap.Logger, reg prometheus.Registerer) (*Store, error) {
	if err := errors.Join(cfg.Validate(), notNil("logger", log != nil), notNil("registerer", reg != nil)); err != nil {
		return nil, err
	}
	if cfg.Checksum == ModeAuto && chain.RequestChecksumCalculation == aws.RequestChecksumCalculationWhenRequired {
		cfg.Checksum = ModeMD5 // AWS_REQUEST_CHECKSUM_CALCULATION: who sets it has a store that knows no other
	}
	client, ok := chain.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		return nil, fmt.Errorf("the HTTP client is a %T, not one that can be built on", chain.HTTPClient)
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	m.mode(cfg.Bucket, cfg.Checksum)
	lent := newBuffers(cfg.Transfers, cfg.PartSize)
	if err := watchBuffers(reg, lent); err != nil {
		return nil, err
	}
	// A client of our own around the SDK's transport: the SDK's would time out
	// reading the answer while a long body is being written, and cannot let go
	// of its connections.
	transport := httpclient.Renew(client.GetTransport)
	chain.HTTPClient = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Store{
		cfg: cfg, transport: transport, metrics: m, log: log,
		client:  s3.NewFromConfig(chain, options(cfg, m)),
		pool:    gopool.New(),
		buffers: lent,
	}, nil
}

// Close lets go of the connections that are idle. Uploads must have ended.
func (s *Store) Close() {
	s.pool.Close()
	s.transport.CloseIdleConnections()
}

func options(cfg Config, m *metrics) func(*s3.Options) {
	return func(o *s3.Options) {
		o.UsePathStyle = cfg.PathStyle || s3client.NeedsPathStyle(aws.ToString(o.BaseEndpoint))
		// Checksums are our own: see package s3client.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.ClientLogMode = 0
		o.EndpointResolverV2 = s3client.NewEndpointCache(o.EndpointResolverV2)
		o.APIOptions = append(o.APIOptions, m.observe, s3client.UnsignedAcceptEncoding)
		if cfg.ExpectedBucketOwner != "" {
			o.APIOptions = append(o.APIOptions, s3client.ExpectedBucketOwner(cfg.ExpectedBucketOwner))
		}
		o.Credentials = namedCredentials{o.Credentials}
	}
}

// namedCredentials tells the errors of the credentials' source from those of
// the store.
type namedCredentials struct{ aws.CredentialsProvider }

// Retrieve implements the interface.
func (c namedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if c.CredentialsProvider == nil {
		return aws.Credentials{}, &credentialsError{errors.New("none are configured")}
	}
	credentials, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, &credentialsError{err}
	}
	return credentials, nil
}

// tune sizes the SDK's transport for this many uploads at once.
func tune(transfers int) func(*http.Transport) {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: dialKeepAlive}
	return func(t *http.Transport) {
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return s3client.Conn{Conn: conn}, nil
		}
		// With HTTP/2 a store that reads no more of a body would not be noticed: the
		// writes to the connection go on. For large bodies it gains nothing.
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP1(true)
		if t.TLSClientConfig != nil {
			t.TLSClientConfig.NextProtos = nil // the SDK's transport has offered h2 by now
		}
		t.TLSHandshakeTimeout = tlsTimeout
		t.ResponseHeaderTimeout = headerTimeout
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, transfers
	}
}

func notNil(what string, ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("the store has no %s", what)
}
