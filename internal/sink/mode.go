package sink

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // S3's own checksum of a body: against accidents, not attackers
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/sink/s3client"
)

// Mode is how a store is made to check what it is sent (S3_CHECKSUM).
type Mode string

// The modes.
const (
	// ModeAuto finds out for each bucket which of the others its store can do.
	ModeAuto Mode = "auto"
	// ModeTrailer streams a body with its CRC64NVME behind it.
	ModeTrailer Mode = "trailer"
	// ModeMD5 sends each body from memory, with its Content-MD5.
	ModeMD5 Mode = "md5"
)

// Modes are the values of S3_CHECKSUM.
func Modes() []string { return []string{string(ModeAuto), string(ModeTrailer), string(ModeMD5)} }

// modes remembers what the stores of the buckets can do. It is safe for concurrent
// use.
type modes struct {
	flight singleflight.Group

	mu    sync.Mutex
	found map[string]finding
	// noTrailer are the stores that took a trailer in a try and not with an object,
	// and why.
	noTrailer map[string]error
}

// finding is what one try has shown.
type finding struct {
	mode  Mode
	at    time.Time
	stale bool // something speaks against it
}

// md5Life is how long a bucket is held to know no trailers. A gateway before the store may
// have refused the try.
const md5Life = time.Hour

// get returns what is known of a bucket, or nothing.
func (m *modes) get(bucket string) Mode {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.found[bucket]
	if known.stale || known.mode == ModeMD5 && time.Since(known.at) > md5Life {
		return ""
	}
	return known.mode
}

// set reports whether the mode is another one than before.
func (m *modes) set(bucket string, mode Mode) (changed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.found == nil {
		m.found, m.noTrailer = map[string]finding{}, map[string]error{}
	}
	changed = m.found[bucket].mode != mode
	m.found[bucket] = finding{mode: mode, at: time.Now()}
	return changed
}

// forget has the mode of a bucket found out again: another store may answer by now.
func (m *modes) forget(bucket string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(bucket)
}

func (m *modes) expire(bucket string) {
	if known, ok := m.found[bucket]; ok {
		known.stale = true
		m.found[bucket] = known
	}
}

// failed notes that the store has refused an object, or not checked it. One whose word
// for a trailer was missing, or that may have disliked it, is not tried with one the next
// time: it might take that and refuse the object again.
func (m *modes) failed(bucket string, why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.found[bucket]; known.mode == ModeTrailer && !known.stale && (errors.Is(why, errUnchecked) || job.AsError(why).Class == job.ClassForbidden) {
		m.noTrailer[bucket] = why
	}
	m.expire(bucket)
}

// trailerRefused says why a bucket's store is not to be tried with a trailer, if it is
// not. Said once: what is found without one may be wrong too.
func (m *modes) trailerRefused(bucket string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	why := m.noTrailer[bucket]
	delete(m.noTrailer, bucket)
	return why
}

// mode returns how an object is sent to its bucket. It is found out once, and callers
// that need it at the same time share what comes of that. ModeTrailer is tried even where
// it is set: a store that does not know it would keep the framing as content.
func (s *Store) mode(ctx context.Context, a attributes) (Mode, error) {
	if s.cfg.Checksum == ModeMD5 {
		return ModeMD5, nil
	}
	for {
		if known := s.modes.get(a.bucket); known != "" {
			return known, nil
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		found, err, _ := s.modes.flight.Do(a.bucket, func() (any, error) { return s.findMode(ctx, a) })
		if mode, _ := found.(Mode); !errors.Is(err, errAbandoned) {
			return mode, err
		}
	}
}

// errAbandoned is the end of a search whose caller has given up.
var errAbandoned = errors.New("the search for what the store can do was given up")

// findLimit bounds what is asked of a store to find out its mode.
const findLimit = 20 * time.Second

// tryText is what the upload sends that finds out what a store can do.
const tryText = "a part of an upload that is aborted"

// tryAttributes are of such an upload where no object is to be stored. No job has its
// key.
func (s *Store) tryAttributes(bucket string) attributes {
	a := s.settings()
	a.location = location{bucket: bucket, key: s.cfg.Prefix + "jobferry-checksum/upload"}
	a.contentType = "text/plain"
	return a
}

// findMode tries the bucket's store with a multipart upload that is aborted, so that
// no object appears. It needs no permission that an upload of unknown length does not
// need too. The upload has the key of the object that is to be stored: if this worker
// is lost, the next one with the job aborts it.
func (s *Store) findMode(caller context.Context, a attributes) (Mode, error) {
	ctx, cancel := context.WithTimeout(caller, findLimit)
	defer cancel()
	mode := ModeTrailer
	why := s.modes.trailerRefused(a.bucket)
	if why == nil {
		why = s.tryMode(ctx, a, mode)
	}
	err := why
	switch unchecked := errors.Is(why, errUnchecked); {
	case unchecked && s.cfg.Checksum == ModeTrailer:
		err = &job.Error{Class: job.ClassRefused, By: job.Store, Err: fmt.Errorf("S3_CHECKSUM is trailer, which the store does not know; set it to auto: %w", why)}
	case s.cfg.Checksum == ModeAuto && (unchecked || isAnswer(why)):
		mode = ModeMD5
		err = s.tryMode(ctx, a, mode)
	}
	switch {
	case caller.Err() != nil:
		return "", errAbandoned
	case err != nil:
		return "", err // nothing is known of a store that is away
	}
	if !s.modes.set(a.bucket, mode) {
		return mode, nil
	}
	s.metrics.mode(a.bucket, mode)
	s.log.Info("the store checks what it is sent", zap.String("bucket", a.bucket), zap.String("checksum", string(mode)), zap.NamedError("no_trailer", why))
	return mode, nil
}

// errUnchecked is an answer of a store without its word for the bytes.
var errUnchecked = errors.New("the store does not say that it has checked the bytes")

// tryMode sends one part as results are sent, and aborts the upload. What could not be
// aborted for the moment is an error too: nobody would come by again.
func (s *Store) tryMode(ctx context.Context, a attributes, mode Mode) error {
	u, err := s.begin(ctx, a, mode)
	if err != nil {
		return err
	}
	tried := u.try(ctx)
	aborting, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime(ctx))
	defer cancel()
	switch err := s.abort(aborting, u.location, u.id); {
	case isAnswer(err):
		s.log.Warn("an upload could not be aborted; give the worker s3:AbortMultipartUpload, or the bucket a lifecycle rule", zap.Stringer("object", u.location), zap.Error(err))
	case err != nil:
		s.unknown.add(u.location)
		return err
	}
	return tried
}

// try sends a part of which the store has to say that it has checked it.
func (u *upload) try(ctx context.Context) error {
	if u.mode == ModeTrailer {
		return u.tryTrailer(ctx)
	}
	if err := u.send(ctx, []byte(tryText)); err != nil {
		return err
	}
	if u.store.cfg.Checksum == ModeMD5 {
		return nil // whoever sets it knows the store
	}
	// A store that takes a wrong checksum has not looked at the right one.
	number, wrong := int32(2), contentMD5([]byte("another text"))
	_, err := u.store.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.bucket, Key: &u.key, UploadId: &u.id, PartNumber: &number,
		Body: bytes.NewReader([]byte(tryText)), ContentLength: aws.Int64(int64(len(tryText))), ContentMD5: &wrong,
	}, s3client.Unsigned, s3client.Once)
	if err == nil {
		return &job.Error{Class: job.ClassRefused, By: job.Store, Err: fmt.Errorf("upload to %s: %w: it takes a wrong Content-MD5; set S3_CHECKSUM=md5, if it is certain that it checks", u.location, errUnchecked)}
	}
	if err = u.store.classify(opUploadPart, u.location, err); statusOf(err) != http.StatusBadRequest {
		return err // whoever answered, it is not what a store says of a wrong checksum
	}
	return nil
}

func (u *upload) tryTrailer(ctx context.Context) error {
	number := int32(1)
	checksum := checksumOf([]byte(tryText))
	body := s3client.NewChunkedBody(bytes.NewReader([]byte(tryText)), int64(len(tryText)), func() string { return checksum })
	out, err := u.store.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.bucket, Key: &u.key, UploadId: &u.id, PartNumber: &number,
		Body: body, ContentLength: aws.Int64(body.Len()),
	}, s3client.WithTrailer(int64(len(tryText))))
	if err != nil {
		return u.store.classify(opUploadPart, u.location, err)
	}
	return verify(u.location, checksum, out.ChecksumCRC64NVME)
}

// contentMD5 is the checksum of one body, as HTTP writes it.
func contentMD5(body []byte) string {
	sum := md5.Sum(body) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}
