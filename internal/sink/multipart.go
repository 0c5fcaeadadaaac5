package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/sink/s3client"
)

// The attempts to abort one upload outlive its context, and are bounded by
// abortLimit; by lastAbortLimit where the context has ended, for then somebody
// waits who has little time left: a worker that stops has its job to hand back.
const (
	abortLimit     = 10 * time.Second
	lastAbortLimit = 2 * time.Second
)

// upload is a multipart upload under way. Its parts go one after the other,
// from one buffer: a job's speed comes from its files going in parallel.
type upload struct {
	store *Store
	attributes
	mode  Mode
	id    string
	parts []types.CompletedPart
}

// partBuffer lends the buffer for the parts of a source of this size. Only a
// known size of more than maxParts parts needs another than the usual one.
func (s *Store) partBuffer(ctx context.Context, size int64) (buffer []byte, release func(), err error) {
	buffer, release, err = s.buffers.borrow(ctx)
	if err != nil {
		return nil, nil, err
	}
	if need := partSize(size, s.cfg.PartSize); need > s.cfg.PartSize {
		buffer = make([]byte, need)
	}
	return buffer, release, nil
}

// partSize is the smallest that is not below usual and lets size, unless it is
// -1, go in maxParts parts.
func partSize(size, usual int64) int64 {
	return max(usual, (size+maxParts-1)/maxParts)
}

// putParts sends a source whose first part stands in buffer and fills it. The
// upload is either completed or aborted when it returns.
func (s *Store) putParts(ctx context.Context, a attributes, mode Mode, st *stream, buffer []byte) (job.Object, error) {
	u, err := s.begin(ctx, a, mode)
	if err != nil {
		return job.Object{}, err
	}
	object, err := u.run(ctx, st, buffer)
	if err != nil {
		u.giveUp(ctx, err)
		return job.Object{}, err
	}
	s.unknown.remove(a.location)
	s.abortOthers(ctx, a.location)
	return object, nil
}

// begin outlives ctx by a moment: an upload whose answer nobody waits for would be
// left behind.
func (s *Store) begin(ctx context.Context, a attributes, mode Mode) (*upload, error) {
	ctx, cancel := outliving(ctx, lastAbortLimit)
	defer cancel()
	out, err := s.client.CreateMultipartUpload(ctx, a.createInput(mode))
	if err != nil {
		err = s.classify(opCreate, a.location, err)
		if !isAnswer(err) {
			s.unknown.add(a.location)
		}
		return nil, err
	}
	if attempts, ok := retry.GetAttemptResults(out.ResultMetadata); ok && len(attempts.Results) > 1 {
		s.unknown.add(a.location)
	}
	if err := answered(a.location, out.UploadId); err != nil {
		return nil, err
	}
	return &upload{store: s, attributes: a, mode: mode, id: *out.UploadId}, nil
}

func (u *upload) run(ctx context.Context, st *stream, buffer []byte) (job.Object, error) {
	for n := len(buffer); n > 0; {
		if err := u.send(ctx, buffer[:n]); err != nil {
			return job.Object{}, err
		}
		n, _ = st.fill(buffer)
		if err := st.failure(); err != nil {
			return job.Object{}, err
		}
	}
	return u.complete(ctx, st)
}

// send uploads one part. The SDK tries it again by itself: a part can be read
// more than once.
func (u *upload) send(ctx context.Context, part []byte) error {
	if len(u.parts) == maxParts {
		return job.Fail(job.ReasonResultTooLarge, "store %s: a result of unknown length has more than %d parts of %d bytes",
			u.location, maxParts, u.store.cfg.PartSize)
	}
	number := int32(len(u.parts) + 1) //nolint:gosec // at most maxParts
	input := &s3.UploadPartInput{
		Bucket: &u.bucket, Key: &u.key, UploadId: &u.id, PartNumber: &number,
		Body: bytes.NewReader(part), ContentLength: aws.Int64(int64(len(part))),
	}
	if u.mode == ModeMD5 {
		input.ContentMD5 = aws.String(contentMD5(part))
	} else {
		input.ChecksumCRC64NVME = aws.String(checksumOf(part))
	}
	out, err := u.store.client.UploadPart(ctx, input, s3client.Unsigned)
	if err != nil {
		return u.store.classify(opUploadPart, u.location, err)
	}
	if err := answered(u.location, out.ETag); err != nil {
		return err
	}
	u.store.metrics.bytes.Add(float64(len(part)))
	u.parts = append(u.parts, types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumCRC64NVME: input.ChecksumCRC64NVME})
	if u.mode == ModeMD5 {
		return nil // it has taken the checksum
	}
	return verify(u.location, *input.ChecksumCRC64NVME, out.ChecksumCRC64NVME)
}

// complete makes the object appear, if the store agrees on its size and on the
// checksum over all of it.
func (u *upload) complete(ctx context.Context, st *stream) (job.Object, error) {
	checksum := st.checksum()
	input := &s3.CompleteMultipartUploadInput{
		Bucket: &u.bucket, Key: &u.key, UploadId: &u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	}
	if u.mode == ModeTrailer {
		input.MpuObjectSize, input.ChecksumCRC64NVME, input.ChecksumType = &st.read, &checksum, types.ChecksumTypeFullObject
	}
	out, err := u.store.client.CompleteMultipartUpload(ctx, input)
	if err != nil {
		return job.Object{}, u.store.classify(opComplete, u.location, err)
	}
	if err := errors.Join(answered(u.location, out.ETag), agrees(u.location, checksum, out.ChecksumCRC64NVME)); err != nil {
		return job.Object{}, err
	}
	return u.object(st.read, out.ETag, checksum), nil
}

// giveUp aborts the upload, whatever has become of ctx. What it cannot abort
// costs storage, never correctness: [Store.AbortUploads] comes by again.
func (u *upload) giveUp(ctx context.Context, why error) {
	limit := abortTime(ctx)
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), limit, fmt.Errorf("the upload was not aborted within %s", limit))
	defer cancel()
	if err := u.store.abort(ctx, u.location, u.id); err != nil {
		u.store.log.Warn("an upload was given up and could not be aborted",
			zap.Stringer("object", u.location), zap.NamedError("upload_error", why), zap.Error(err))
	}
}

// outliving returns a context that ends that much later than its parent.
func outliving(parent context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() { time.AfterFunc(by, cancel) })
	return ctx, func() {
		stop()
		cancel()
	}
}

func abortTime(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return lastAbortLimit
	}
	return abortLimit
}

// abort ends one multipart upload; one that is gone is fine.
func (s *Store) abort(ctx context.Context, where location, id string) error {
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &where.bucket, Key: &where.key, UploadId: &id,
	})
	if err == nil || codeOf(err) == codeNoSuchUpload {
		return nil
	}
	return s.classify(opAbort, where, err)
}

// buffers lends one buffer per upload of unknown length. There are never more
// than slots of them, and what is not in use can be collected, so that the
// memory is bounded under load and given back after it.
type buffers struct {
	slots chan struct{}
	size  int64 // bytes of each
	pool  sync.Pool
}

func newBuffers(slots int, size int64) *buffers {
	return &buffers{slots: make(chan struct{}, slots), size: size}
}

// borrow waits for a slot. The caller calls release exactly once, after which
// nothing may touch the buffer.
func (b *buffers) borrow(ctx context.Context) (buffer []byte, release func(), err error) {
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	pooled, ok := b.pool.Get().(*[]byte)
	if !ok {
		fresh := make([]byte, b.size)
		pooled = &fresh
	}
	return *pooled, func() {
		b.pool.Put(pooled)
		<-b.slots
	}, nil
}
