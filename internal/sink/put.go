// Package sink stores results in S3: it builds keys, streams sources into
// objects, and has the store verify each object before it appears.
//
// It does not fetch anything, does not know what a message or an event is, and
// does not retry an upload whose source cannot be read twice: whoever opened
// the source opens it again.
package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/sink/s3client"
)

// Put stores what src delivers as one object of the job. name is the object's
// name without its extension; the key is the two prefixes, the job's ID, a
// slash, the name and the extension. An object that is there already is
// replaced.
//
// The object appears only when src has ended with io.EOF after exactly the
// bytes that it announced and the store has checked them against a checksum
// made on the way; otherwise nothing appears and no upload is left behind. Put
// does not close src, and is in no Read of it once it has returned. It waits
// for a Read that is under way, so src must end that when the context that it
// was opened with ends. Memory does not depend on the size, up to 48 GiB of a
// known one.
//
// An error of src is found in the error by errors.Is and errors.As. An error of
// the store is a [job.Error]: permanent, refused, or worth another try with a
// source opened anew. The cause of ctx is returned when ctx has ended.
func (s *Store) Put(ctx context.Context, j job.Job, name string, src job.Source) (job.Object, error) {
	a, st := s.attributes(j, name, src), newStream(src)
	a.encoding = optional(src.ContentEncoding())
	object, err := s.store(ctx, a, st)
	if err == nil {
		return object, nil
	}
	if len(j.Tags) > 0 && isAnswer(err) && job.AsError(err).Class != job.ClassPermanent {
		err = s.blameTags(ctx, a, err)
	}
	switch cause := context.Cause(ctx); {
	case cause != nil:
		err = fmt.Errorf("store %s: %w", a.location, cause)
	case st.failure() != nil: // whatever the transport made of it
		err = fmt.Errorf("store %s: %w", a.location, st.failure())
	}
	return job.Object{}, err
}

// store sends the source as the bucket's store can check it, and by its size. What the
// store can do is found out again after it has refused an object, or not checked it.
func (s *Store) store(ctx context.Context, a attributes, st *stream) (job.Object, error) {
	mode, err := s.mode(ctx, a)
	if err != nil {
		return job.Object{}, err
	}
	var object job.Object
	if mode == ModeTrailer && st.size >= 0 && st.size <= maxPutSize {
		object, err = s.putStream(ctx, a, st)
	} else {
		object, err = s.putBuffered(ctx, a, mode, st)
	}
	if isAnswer(err) || errors.Is(err, errUnchecked) {
		s.modes.failed(a.bucket, err)
		s.refused.Store(true)
	}
	if err == nil {
		s.refused.Store(false)
		if s.unknown.remove(a.location) {
			s.abortOthers(ctx, a.location)
		}
	}
	return object, err
}

// blameTags finds out whether it is for the tags of the submission that the store has
// refused an object. Whoever submits must not hold up the jobs of others with them.
func (s *Store) blameTags(ctx context.Context, a attributes, refusal error) error {
	a.tags = s.settings().tags
	if err := s.tryUpload(ctx, a); err != nil {
		return refusal
	}
	return &job.Error{
		Class: job.ClassPermanent, By: job.Store, Reason: job.ReasonStoreRejected,
		Err: fmt.Errorf("%w; without the tags of the submission the store takes it, so the worker may need the permission s3:PutObjectTagging", refusal),
	}
}

// putStream sends a source of known size in a single request.
func (s *Store) putStream(ctx context.Context, a attributes, st *stream) (job.Object, error) {
	body := s3client.NewChunkedBody(metered{st, s.metrics.bytes}, st.size, st.checksum)
	input := a.putInput()
	input.Body, input.ContentLength = body, aws.Int64(body.Len())
	var out *s3.PutObjectOutput
	var err error
	s.pool.Do(func() { out, err = s.client.PutObject(ctx, input, s3client.WithTrailer(st.size)) })
	if err != nil {
		return job.Object{}, s.classify(opPutObject, a.location, err)
	}
	if !st.whole() {
		return job.Object{}, &job.Error{By: job.Store, Err: errors.New("the store answered before the source had ended: " + a.String())}
	}
	if err := verify(a.location, st.checksum(), out.ChecksumCRC64NVME); err != nil {
		return job.Object{}, err
	}
	return a.object(st.read, out.ETag, st.checksum()), nil
}

// putBuffered reads ahead by one part: a source that ends within it is stored
// in a single request, which can be repeated, and any other in parts.
func (s *Store) putBuffered(ctx context.Context, a attributes, mode Mode, st *stream) (job.Object, error) {
	buffer, release, err := s.partBuffer(ctx, st.size)
	if err != nil {
		return job.Object{}, err
	}
	defer release()
	n, _ := st.fill(buffer)
	switch {
	case st.failure() != nil:
		return job.Object{}, st.failure()
	case st.whole():
		return s.putBytes(ctx, a, mode, buffer[:n])
	default:
		return s.putParts(ctx, a, mode, st, buffer)
	}
}

func (s *Store) putBytes(ctx context.Context, a attributes, mode Mode, body []byte) (job.Object, error) {
	checksum := checksumOf(body)
	input := a.putInput()
	input.Body, input.ContentLength = bytes.NewReader(body), aws.Int64(int64(len(body)))
	if mode == ModeMD5 {
		input.ContentMD5 = aws.String(contentMD5(body))
	} else {
		input.ChecksumCRC64NVME = &checksum
	}
	out, err := s.client.PutObject(ctx, input, s3client.Unsigned)
	if err != nil {
		return job.Object{}, s.classify(opPutObject, a.location, err)
	}
	s.metrics.bytes.Add(float64(len(body)))
	check := verify(a.location, checksum, out.ChecksumCRC64NVME)
	if mode == ModeMD5 { // it has taken that; what else it says must not be otherwise
		check = errors.Join(answered(a.location, out.ETag), agrees(a.location, checksum, out.ChecksumCRC64NVME))
	}
	if check != nil {
		return job.Object{}, check
	}
	return a.object(int64(len(body)), out.ETag, checksum), nil
}

// verify requires the store's own checksum of the object, and that it is ours. A store
// that returns none may know nothing of checksums, and then has the framing of a
// streamed body in the object; another try overwrites it.
func verify(where location, ours string, theirs *string) error {
	if theirs == nil || isComposite(*theirs) {
		return &job.Error{By: job.Store, Err: fmt.Errorf("store %s: %w", where, errUnchecked)}
	}
	return agrees(where, ours, theirs)
}

// answered requires what every store says of what it has taken: a gateway before it may
// answer 200 of its own.
func answered(where location, name *string) error {
	if aws.ToString(name) == "" {
		return &job.Error{By: job.Store, Err: fmt.Errorf("store %s: %w: the answer is not that of a store", where, errUnchecked)}
	}
	return nil
}

// agrees only requires that the store's own checksum, where it returns one, is ours.
func agrees(where location, ours string, theirs *string) error {
	if theirs == nil || isComposite(*theirs) || *theirs == ours {
		return nil
	}
	return &job.Error{By: job.Store, Err: fmt.Errorf("store %s: %w: it has checksum %s where %s was sent", where, errUnchecked, *theirs, ours)}
}

// isComposite reports whether a checksum is one over the checksums of parts, which
// says nothing of the object as a whole. Such a one ends with a hyphen and their number.
func isComposite(checksum string) bool { return strings.Contains(checksum, "-") }

func unquote(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }
