package s3client

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// The wire form of a body with a trailing checksum.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
const (
	crlf = "\r\n"

	trailingPayload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER" // in the place of the payload's hash
	checksumHeader  = "x-amz-checksum-crc64nvme"
	checksumLength  = 12 // characters of base64 for 8 bytes
)

// ChunkedBody reads a payload of known size as one chunk of that size, the
// empty chunk that ends the body, and as a trailer the checksum, which is asked
// for when the payload has ended. An empty payload has no chunk of its own; it
// is read all the same, for it may end with an error.
//
// The chunk's header comes together with the first bytes, and the trailer with
// the last as far as there is room, so that they cost no write of their own.
type ChunkedBody struct {
	payload  io.Reader
	checksum func() string
	length   int64

	pending string // what is due now, before the payload or after it
	end     string // of the chunk, and the name of the trailer
	ended   bool   // the payload
}

// NewChunkedBody is of a payload of that size in bytes. checksum is called once,
// when the payload has ended.
func NewChunkedBody(payload io.Reader, size int64, checksum func() string) *ChunkedBody {
	header, end := strconv.FormatInt(size, 16)+crlf, crlf
	if size == 0 {
		header, end = "", ""
	}
	end += "0" + crlf + checksumHeader + ":"
	return &ChunkedBody{
		payload: payload, checksum: checksum, pending: header, end: end,
		length: int64(len(header)) + size + int64(len(end)) + checksumLength + int64(2*len(crlf)),
	}
}

// Len is the length of the whole body in bytes, exact before anything is read.
func (b *ChunkedBody) Len() int64 { return b.length }

// Read implements io.Reader.
func (b *ChunkedBody) Read(p []byte) (n int, err error) {
	n = b.deliver(p)
	if !b.ended && n < len(p) {
		m, err := b.payload.Read(p[n:])
		n += m
		if err != nil && err != io.EOF {
			return n, err
		}
		if b.ended = err != nil; b.ended {
			b.pending = b.end + b.checksum() + crlf + crlf
			n += b.deliver(p[n:])
		}
	}
	if b.ended && b.pending == "" {
		return n, io.EOF
	}
	return n, nil
}

// deliver copies what is due.
func (b *ChunkedBody) deliver(p []byte) int {
	n := copy(p, b.pending)
	b.pending = b.pending[n:]
	return n
}

// WithTrailer makes a call send a [ChunkedBody] with a payload of that size,
// verified by its trailing checksum.
//
// The SDK can do so too, but only over TLS: over plain http it wants to read
// the body twice, which a stream cannot. The store does not mind the
// difference, and the trailer guards against corruption, not against an
// attacker, so one way serves both. The body cannot be sent again, so neither
// is the request.
func WithTrailer(size int64) func(*s3.Options) {
	return func(o *s3.Options) {
		o.Retryer = aws.NopRetryer{}
		o.APIOptions = append(slices.Clip(o.APIOptions), func(stack *middleware.Stack) error {
			// Before the payload is hashed and the request signed.
			return stack.Finalize.Insert(trailerMiddleware{size}, "ResolveEndpointV2", middleware.After)
		})
	}
}

type trailerMiddleware struct{ size int64 }

// ID implements the middleware interface.
func (trailerMiddleware) ID() string { return "TrailingCRC64NVME" }

// HandleFinalize gives the request the headers that announce the trailer. There
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
	req.Header.Set("X-Amz-Decoded-Content-Length", strconv.FormatInt(m.size, 10))
	req.Header.Set("X-Amz-Trailer", checksumHeader)
	return next.HandleFinalize(v4.SetPayloadHash(ctx, trailingPayload), in)
}

// Unsigned leaves the payload's SHA-256 out of the signature, over http too:
// the checksum that goes with the request is many times faster and finds the
// same accidents.
func Unsigned(o *s3.Options) {
	o.APIOptions = append(slices.Clip(o.APIOptions), v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}
