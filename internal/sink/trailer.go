package sink

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/prometheus/client_golang/prometheus"
)

// The wire form of a body with a trailing checksum.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
const (
	crlf = "\r\n"

	trailingPayload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER" // in the place of the payload's hash
	checksumHeader  = "x-amz-checksum-crc64nvme"
	checksumLength  = 12 // characters of base64 for 8 bytes
)

// chunkedBody wraps a payload of known size as one chunk of that size, the
// empty chunk that ends the body, and as a trailer the checksum, which is
// asked for when the payload has ended. The length is exact before anything is
// read. An empty payload has no chunk of its own; it is read all the same, for
// its verdict.
func chunkedBody(payload io.Reader, size int64, checksum func() string) (body io.Reader, length int64) {
	header, end := strconv.FormatInt(size, 16)+crlf, crlf
	if size == 0 {
		header, end = "", ""
	}
	end += "0" + crlf + checksumHeader + ":"
	length = int64(len(header)) + size + int64(len(end)) + checksumLength + int64(2*len(crlf))
	trailer := &lazyReader{text: func() string { return end + checksum() + crlf + crlf }}
	// Only Read: by its WriteTo a MultiReader makes a buffer of 32 KiB for each
	// body, however small, where the transport's own fits the size.
	return struct{ io.Reader }{io.MultiReader(strings.NewReader(header), payload, trailer)}, length
}

// lazyReader reads a text that is known only when its turn has come.
type lazyReader struct {
	text   func() string
	reader *strings.Reader
}

func (l *lazyReader) Read(p []byte) (int, error) {
	if l.reader == nil {
		l.reader = strings.NewReader(l.text())
	}
	return l.reader.Read(p)
}

// withTrailer makes a call send s as its body, verified by a trailing checksum.
//
// The SDK can do so too, but only over TLS: over plain http it wants to read
// the body twice, which a stream cannot. The store does not mind the
// difference, and the trailer guards against corruption, not against an
// attacker, so one way serves both. The body cannot be sent again, so neither
// is the request.
func withTrailer(s *stream, sent prometheus.Counter) func(*s3.Options) {
	return func(o *s3.Options) {
		o.Retryer = aws.NopRetryer{}
		o.APIOptions = append(slices.Clip(o.APIOptions), func(stack *middleware.Stack) error {
			// After the endpoint is known, before the payload is hashed and
			// the request signed.
			return stack.Finalize.Insert(trailerMiddleware{s, sent}, "ResolveEndpointV2", middleware.After)
		})
	}
}

type trailerMiddleware struct {
	stream *stream
	sent   prometheus.Counter
}

// ID implements the middleware interface.
func (trailerMiddleware) ID() string { return "TrailingCRC64NVME" }

// HandleFinalize gives the request its body and the headers that say so. There
// is no Content-Encoding of aws-chunked among them: S3 tells from the payload's
// hash, and several stores keep that header with the object and hand it to
// whoever downloads it (versity/versitygw#2398, rustfs/rustfs#1857).
func (m trailerMiddleware) HandleFinalize(
	ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
) (out middleware.FinalizeOutput, metadata middleware.Metadata, err error) {
	req, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return out, metadata, fmt.Errorf("unexpected request of type %T", in.Request)
	}
	body, length := chunkedBody(metered{m.stream, m.sent}, m.stream.size, m.stream.checksum)
	if req, err = req.SetStream(body); err != nil {
		return out, metadata, fmt.Errorf("set the body: %w", err)
	}
	req.ContentLength = length
	req.Header.Set("X-Amz-Decoded-Content-Length", strconv.FormatInt(m.stream.size, 10))
	req.Header.Set("X-Amz-Trailer", checksumHeader)
	in.Request = req
	return next.HandleFinalize(v4.SetPayloadHash(ctx, trailingPayload), in)
}

// unsigned leaves the payload's SHA-256 out of the signature, over http too:
// the checksum that goes with the request is many times faster and finds the
// same accidents.
func unsigned(o *s3.Options) {
	o.APIOptions = append(slices.Clip(o.APIOptions), v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}
