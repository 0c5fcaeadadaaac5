package sink

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/prometheus/client_golang/prometheus"
)

// The operations that the worker uses, by S3's names.
const (
	opPutObject  = "PutObject"
	opCreate     = "CreateMultipartUpload"
	opUploadPart = "UploadPart"
	opComplete   = "CompleteMultipartUpload"
	opAbort      = "AbortMultipartUpload"
	opList       = "ListMultipartUploads"
	opHeadBucket = "HeadBucket"
	opHeadObject = "HeadObject"
)

// codeError is the code of a request that had no answer.
const codeError = "error"

// metrics count what goes to the store: requests with every attempt of the
// SDK's own retries, and payload bytes.
type metrics struct {
	requests *prometheus.CounterVec
	bytes    prometheus.Counter
	checksum *prometheus.GaugeVec
}

// mode notes how objects of a bucket are sent, ModeAuto as long as it is not known.
func (m *metrics) mode(bucket string, mode Mode) {
	for _, one := range []Mode{ModeTrailer, ModeMD5} {
		value := 0.0
		if one == mode {
			value = 1
		}
		m.checksum.WithLabelValues(bucket, string(one)).Set(value)
	}
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jobferry_store_requests_total",
			Help: "Requests to S3, retries included, by operation and class of answer.",
		}, []string{"operation", "code"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "jobferry_store_bytes_total",
			Help: "Bytes of results sent to S3.",
		}),
		checksum: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "jobferry_store_checksum",
			Help: "1 for the way in which the store of a bucket checks what it is sent. 0 for every way: not found out yet.",
		}, []string{"bucket", "checksum"}),
	}
	for _, op := range []string{opPutObject, opCreate, opUploadPart, opComplete, opAbort, opList, opHeadBucket, opHeadObject} {
		for _, code := range []string{"2xx", "4xx", "5xx", codeError} {
			m.requests.WithLabelValues(op, code)
		}
	}
	for _, c := range []prometheus.Collector{m.requests, m.bytes, m.checksum} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the store's metrics: %w", err)
		}
	}
	return m, nil
}

// watchBuffers exports how full the memory for uploads of unknown length is.
func watchBuffers(reg prometheus.Registerer, b *buffers) error {
	for _, gauge := range []struct {
		name, help string
		slots      func() int
	}{
		{"jobferry_upload_buffer_bytes", "Memory in use by uploads of unknown length.", func() int { return len(b.slots) }},
		{"jobferry_upload_buffer_limit_bytes", "The most memory that uploads of unknown length use.", func() int { return cap(b.slots) }},
	} {
		err := reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: gauge.name, Help: gauge.help},
			func() float64 { return float64(int64(gauge.slots()) * b.size) }))
		if err != nil {
			return fmt.Errorf("register the store's metrics: %w", err)
		}
	}
	return nil
}

// observe adds the counting next to the transport, where each attempt is seen.
func (m *metrics) observe(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("CountRequests", m.count), middleware.After)
}

func (m *metrics) count(
	ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	code := codeError
	if response, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
		code = codeClass(response.StatusCode)
	}
	m.requests.WithLabelValues(middleware.GetOperationName(ctx), code).Inc()
	return out, metadata, err
}

// codeClass keeps the label small; a redirect is a refusal to the worker.
func codeClass(status int) string {
	switch {
	case status >= 500:
		return "5xx"
	case status >= 300:
		return "4xx"
	default:
		return "2xx"
	}
}

// metered counts a streamed body while it is read, so that the rate of a long
// transfer can be seen before its end.
type metered struct {
	io.Reader
	sent prometheus.Counter
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.sent.Add(float64(n))
	return n, err
}
