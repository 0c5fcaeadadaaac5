package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/job"
)

// download is a [job.Source] that heals: a connection that breaks or stalls is
// replaced by one that goes on at the same byte, and a URL that has expired by
// a fresh one of the same file.
type download struct {
	description

	client *Client
	ctx    context.Context // an io.Reader has no other way to be canceled
	id     job.ID
	index  int

	url     *url.URL
	version version // of the file, as the first answer said
	total   int64   // -1 until it is known
	offset  int64   // bytes that have been read
	refused int     // fresh URLs refused in a row
	tries   int     // connections tried since the last byte
	taken   int64   // bytes from the connection at hand
	brief   int     // connections in a row that were not worth their while
	pace    pace

	response *response // nil while there is no connection
	broken   error     // why the last connection ended
	err      error     // what every further Read returns
}

// worthwhile is how many bytes a connection has to bring, and maxBrief how many
// in a row may bring less, before there is a pause between them. Otherwise a
// host that hangs up after each byte could have a request for every byte.
const (
	worthwhile = 64 << 10
	maxBrief   = 3
)

// Open starts the download of one file of a job's result: the index-th, from
// 0. It returns when the file's bytes are about to come, so that size and
// content type are known. ctx governs the download until it is closed.
//
// A Read may return an error of [job.ClassWrongLength].
func (c *Client) Open(ctx context.Context, id job.ID, index int, file job.File) (job.Source, error) {
	d := &download{
		description: description{size: -1},
		client:      c, ctx: ctx, id: id, index: index, total: -1, pace: c.pace(),
	}
	if err := d.aim(file); err != nil {
		return nil, err
	}
	if err := d.connect(time.Now().Add(c.cfg.IdleLimit)); err != nil {
		return nil, err
	}
	d.describe(file)
	if d.size > c.cfg.MaxResultBytes {
		_ = d.Close()
		return nil, tooLarge(c.cfg.MaxResultBytes)
	}
	return d, nil
}

// log names the file in each line.
func (d *download) log() *zap.Logger {
	return d.client.log.With(zap.String("job", string(d.id)), zap.Int("file", d.index))
}

// aim takes the URL of a file, if it may be fetched.
func (d *download) aim(file job.File) error {
	u, err := url.Parse(file.URL.Reveal())
	if err != nil {
		return invalid("the URL of file %d is not a URL", d.index+1)
	}
	if err := d.client.guard.check(u); err != nil {
		return err
	}
	d.url = u
	return nil
}

// describe settles what the source says about itself. What a later connection
// says does not change it.
func (d *download) describe(file job.File) {
	d.size = d.total
	d.contentType = mediaType(file.ContentType, d.response.Header.Get("Content-Type"))
	d.ext = extOf(d.url)
}

// Read returns bytes of the file in order, healing on the way. The limit for
// coming by no byte runs from the call: the time that the caller takes between
// two calls is not the source's fault.
func (d *download) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	began := time.Now()
	deadline := began.Add(d.client.cfg.IdleLimit)
	for d.err == nil {
		if d.response == nil {
			d.client.metrics.resumes.Inc()
			d.log().Debug("resuming a download", zap.Int64("offset", d.offset), zap.Error(d.broken))
			if d.err = d.connect(deadline); errors.Is(d.err, errEndsHere) {
				d.err = io.EOF
			}
			if d.err != nil {
				break
			}
		}
		if n := d.take(b, deadline); n > 0 {
			d.mind(n, time.Since(began))
			return n, nil
		}
	}
	return 0, d.err
}

// mind hangs up on a source that is too slow, so that the next Read goes on with
// another connection; in the end there is none. Connecting and resuming count
// as waiting: a host that hangs up after each byte drips, too.
func (d *download) mind(n int, waited time.Duration) {
	err := d.pace.add(n, waited)
	if err == nil || d.err != nil {
		return
	}
	d.broken = err
	if d.response != nil {
		d.hangUp()
	}
	if d.pace.slow >= maxSlow {
		d.err = d.stuck(fmt.Sprintf("%d windows in a row were no better", maxSlow))
	}
}

// take reads from the connection at hand, and lets go of it when it is at its
// end.
func (d *download) take(b []byte, deadline time.Time) int {
	d.response.limit = min(d.client.cfg.StallLimit, max(time.Until(deadline), 0))
	n, err := d.response.Read(b)
	d.offset += int64(n)
	d.taken += int64(n)
	if n > 0 {
		d.refused, d.tries = 0, 0
	}
	switch {
	case d.offset > d.client.cfg.MaxResultBytes:
		d.err = tooLarge(d.client.cfg.MaxResultBytes)
		return 0
	case err == nil:
		return n
	}
	d.hangUp()
	d.conclude(err)
	return n
}

// hangUp lets go of the connection at hand.
func (d *download) hangUp() {
	_ = d.response.Close()
	d.response = nil
	if d.brief++; d.taken >= worthwhile {
		d.brief = 0
	}
}

// conclude tells the end of the file from a break.
func (d *download) conclude(err error) {
	ended := err == io.EOF //nolint:errorlint // only the bare io.EOF is an end
	whole := d.offset == d.total || d.total < 0 && ended
	switch {
	case d.ctx.Err() != nil:
		d.err = interruption(d.ctx)
	case whole:
		d.err = io.EOF
	case d.total >= 0 && d.offset > d.total:
		d.err = &job.Error{By: job.FileHost, Err: errors.New("the download is longer than was announced")}
	case ended:
		d.broken = io.ErrUnexpectedEOF
	default:
		d.broken = err
	}
}

// Close ends the download.
func (d *download) Close() error {
	d.err = closedError(d.err)
	if d.response == nil {
		return nil
	}
	err := d.response.Close()
	d.response = nil
	return err
}

// endedShort reports whether the last connection ended in good order before
// the length that it had announced.
func (d *download) endedShort() bool {
	return d.total >= 0 && errors.Is(d.broken, io.ErrUnexpectedEOF)
}

// stuck is the error of a download that cannot go on where it is.
func (d *download) stuck(why string) error {
	if d.endedShort() {
		return &job.Error{Class: job.ClassWrongLength, By: job.FileHost, Err: fmt.Errorf("the download disagrees with its own length: it ended at byte %d of %d, and %s", d.offset, d.total, why)}
	}
	err := fmt.Errorf("the download broke off at byte %d, and %s", d.offset, why)
	if d.broken != nil {
		err = fmt.Errorf("%w: %w", err, d.broken)
	}
	return &job.Error{By: job.FileHost, Err: err}
}
