package s3client

import (
	"context"
	"errors"
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

// maxChunk is the most that one chunk of a body has, in bytes. MinIO refuses chunks
// above 16 MiB, and servers may hold one in memory to check it. With its frame a chunk
// has 1 MiB, so that the pieces in which a body is read end where the chunk does.
const maxChunk = 1<<20 - int64(len("ffff7"+crlf+crlf))

// lastChunk is the empty chunk that ends a body, and the name of its trailer.
const lastChunk = "0" + crlf + checksumHeader + ":"

// ChunkedBody reads a payload of known size in chunks, then the empty chunk that ends
// the body, and as a trailer the checksum, which is asked for when the payload has
// ended. An empty payload has no chunk of its own; it is read all the same, for it may
// end with an error.
//
// What frames a chunk comes together with the bytes around it, as far as there is
// room, so that it costs no write of its own.
type ChunkedBody struct {
	payload  io.Reader
	checksum func() string
	length   int64

	left    int64  // of the payload, without the present chunk
	chunk   int64  // left of the present chunk
	pending string // of the framing, due before anything else
	ended   bool   // the payload
}

// NewChunkedBody is of a payload of that size in bytes. checksum is called once,
// when the payload has ended.
func NewChunkedBody(payload io.Reader, size int64, checksum func() string) *ChunkedBody {
	b := &ChunkedBody{payload: payload, checksum: checksum, left: size, length: framed(size)}
	b.nextChunk()
	return b
}

// framed is how long a body with a payload of that size is, in bytes.
func framed(size int64) int64 {
	frame := func(chunk int64) int64 { return int64(len(strconv.FormatInt(chunk, 16))) + chunk + int64(2*len(crlf)) }
	length := size / maxChunk * frame(maxChunk)
	if rest := size % maxChunk; rest > 0 {
		length += frame(rest)
	}
	return length + int64(len(lastChunk)) + checksumLength + int64(2*len(crlf))
}

// nextChunk begins the next chunk, if there is one.
func (b *ChunkedBody) nextChunk() {
	if b.left == 0 {
		return
	}
	b.chunk = min(b.left, maxChunk)
	b.left -= b.chunk
	b.pending += strconv.FormatInt(b.chunk, 16) + crlf
}

// Len is the length of the whole body in bytes, exact before anything is read.
func (b *ChunkedBody) Len() int64 { return b.length }

// Read implements io.Reader.
func (b *ChunkedBody) Read(p []byte) (n int, err error) {
	n = b.deliver(p)
	for !b.ended && n < len(p) {
		m, err := b.readPayload(p[n:])
		n += m
		if err != nil {
			return n, err
		}
		if b.pending == "" {
			break
		}
		n += b.deliver(p[n:]) // a chunk has ended: go on with the next one, or its beginning would be a write of its own
	}
	if b.ended && b.pending == "" {
		return n, io.EOF
	}
	return n, nil
}

// readPayload reads what is left of the present chunk, or the end of the payload.
func (b *ChunkedBody) readPayload(p []byte) (int, error) {
	if b.chunk > 0 {
		p = p[:min(int64(len(p)), b.chunk)]
	}
	n, err := b.payload.Read(p)
	if int64(n) > b.chunk {
		return 0, errOverlong
	}
	b.chunk -= int64(n)
	if n > 0 && b.chunk == 0 {
		b.pending = crlf
		b.nextChunk()
	}
	if err != nil && err != io.EOF {
		return n, err
	}
	if b.ended = err != nil; b.ended {
		b.pending += lastChunk + b.checksum() + crlf + crlf
	}
	return n, nil
}

// errOverlong is a payload that does not end where it should.
var errOverlong = errors.New("the payload has more bytes than were announced")

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

// Once makes a call a single attempt.
func Once(o *s3.Options) { o.Retryer = aws.NopRetryer{} }

// Unsigned leaves the payload's SHA-256 out of the signature, over http too:
// the checksum that goes with the request is many times faster and finds the
// same accidents.
func Unsigned(o *s3.Options) {
	o.APIOptions = append(slices.Clip(o.APIOptions), v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}
