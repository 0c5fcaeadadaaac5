package sink

import (
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/minio/crc64nvme"

	"github.com/jobferry/jobferry/internal/job"
)

// maxEmptyReads is how often in a row a source may return nothing and no error
// before it counts as broken; bufio has the same bound.
const maxEmptyReads = 100

// stream reads a source, computes its checksum on the way, and holds it to its
// size. Its io.EOF is the source's own: a size that was reached is no end, for
// the source may still have something to say against what it delivered.
//
// It is not safe for concurrent use. Of the transport, which reads a body from
// a goroutine of its own, smithy's request makes sure that it reads no more,
// and is in no Read, once the request has returned.
type stream struct {
	src  job.Source
	size int64 // bytes, or -1 when not known
	read int64
	sum  hash.Hash64
	err  error // once set, the outcome: io.EOF when the source was whole
}

func newStream(src job.Source) *stream {
	return &stream{src: src, size: src.Size(), sum: crc64nvme.New()}
}

// Read delivers the last byte of a source of known size only when the source
// has confirmed its end, so that nobody downstream holds a complete body that
// the source has not vouched for.
func (s *stream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.size >= 0 && int64(len(p)) > s.size-s.read {
		p = p[:s.size-s.read]
	}
	n := 0
	if len(p) > 0 {
		n, s.err = s.pull(p)
	}
	s.read += int64(n)
	if s.read == s.size && s.err == nil {
		s.err = s.confirmEnd()
	}
	if errors.Is(s.err, io.EOF) && s.size >= 0 && s.read < s.size {
		s.err = fmt.Errorf("the source ended after %d of %d bytes: %w", s.read, s.size, io.ErrUnexpectedEOF)
	}
	if s.failure() != nil {
		return 0, s.err
	}
	_, _ = s.sum.Write(p[:n]) // a hash never errs
	return n, s.err
}

// pull is one Read of the source that got somewhere.
func (s *stream) pull(p []byte) (int, error) {
	for range maxEmptyReads {
		if n, err := s.src.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// confirmEnd reads on after the last byte, for the source's verdict.
func (s *stream) confirmEnd() error {
	n, err := s.pull(make([]byte, 1))
	if n > 0 {
		return fmt.Errorf("the source goes on after its %d bytes", s.size)
	}
	return err
}

// fill reads until buffer is full or the source has ended. It does not use
// io.ReadFull, which reports a source that broke off with
// io.ErrUnexpectedEOF as one that ended.
func (s *stream) fill(buffer []byte) (n int, err error) {
	for n < len(buffer) {
		m, err := s.Read(buffer[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// failure is what went wrong with the source, nil if nothing did.
func (s *stream) failure() error {
	if s.err == io.EOF { //nolint:errorlint // only the bare io.EOF is an end
		return nil
	}
	return s.err
}

// whole reports whether the source has ended as it should.
func (s *stream) whole() bool { return s.err == io.EOF } //nolint:errorlint // as above

// checksum is the CRC64NVME of what was read, as S3 writes it.
func (s *stream) checksum() string { return base64.StdEncoding.EncodeToString(s.sum.Sum(nil)) }

// checksumOf is the checksum of one buffer.
func checksumOf(buffer []byte) string {
	sum := crc64nvme.New()
	_, _ = sum.Write(buffer)
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}
