package download

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/mediatype"
)

// Opener opens downloads. Every field must be set.
type Opener struct {
	Client    *http.Client
	Check     func(*url.URL) error // returns a permanent job.Error for a URL that must not be requested
	UserAgent string

	MaxBytes   int64         // of a file
	IdleLimit  time.Duration // in which a Read has to bring a byte, all tries to resume included
	StallLimit time.Duration // in which one connection has to bring a byte
	RenewDelay time.Duration // before the second fresh URL; it doubles before the third
	MinRate    watchdog.MinRate

	Resumed prometheus.Counter // connections after the first one
	Renewed prometheus.Counter // URLs that were refused
}

// File is a file to download.
type File struct {
	job.File

	Number int // in the result, from 1; it stands in errors
	// Renew asks for the same file with a fresh URL. A job.Error ends the
	// download; after any other error Renew is called again while there is time.
	Renew func(context.Context) (job.File, error)
	Log   *zap.Logger
}

// After a connection that brought fewer than minUseful bytes there is a pause,
// once there were maxShort of them in a row. Otherwise a host that hangs up after
// each byte could have a request for every byte.
const (
	minUseful = 64 << 10
	maxShort  = 3
)

// maxSlow is how many windows below the least rate end a download: by then two
// other connections have been no better.
const maxSlow = 3

// reader is the [job.Source] of a download.
type reader struct {
	*Opener

	ctx  context.Context // an io.Reader has no other way to be canceled
	file File

	contentType string
	ext         string
	size        int64

	url        *url.URL
	at         position
	refused    int   // fresh URLs refused in a row
	tries      int   // connections tried since the last byte
	connBytes  int64 // from the present connection
	shortConns int   // connections in a row that brought fewer than minUseful bytes
	minRate    watchdog.MinRate

	response *watchdog.Response // nil while there is no connection
	broken   error              // why the last connection ended
	err      error              // what every further Read returns
}

// Open starts a download. It returns when the file's bytes are about to come, so
// that size and content type are known. ctx governs the download until it is
// closed. A Read may return an error of [job.ClassWrongLength].
func (o *Opener) Open(ctx context.Context, file File) (job.Source, error) {
	d := &reader{Opener: o, ctx: ctx, file: file, at: position{total: -1}, minRate: o.MinRate}
	if err := d.setURL(file.File); err != nil {
		return nil, err
	}
	if err := d.connect(time.Now().Add(o.IdleLimit)); err != nil {
		return nil, err
	}
	// What a later connection says does not change these.
	d.size = d.at.total
	d.contentType = mediatype.First(file.ContentType, d.response.Header.Get("Content-Type"))
	d.ext = mediatype.ExtOf(d.url)
	if d.size == 0 && file.DeclaredSize != nil && *file.DeclaredSize > 0 {
		_ = d.Close()
		return nil, &job.Error{By: job.FileHost, Err: fmt.Errorf("the file host sends nothing of a file of %d bytes", *file.DeclaredSize)}
	}
	if d.size > o.MaxBytes {
		_ = d.Close()
		return nil, job.TooLarge(o.MaxBytes)
	}
	return d, nil
}

// Size is the exact number of bytes, or -1 when it is not known.
func (d *reader) Size() int64 { return d.size }

// ContentType is the media type, never empty.
func (d *reader) ContentType() string { return d.contentType }

// Ext is the extension that the URL's path has, with its dot, or empty.
func (d *reader) Ext() string { return d.ext }

// Read returns the file's bytes in order, over as many connections as it takes.
// IdleLimit runs from the call: the time that the caller takes between two calls
// does not count.
func (d *reader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	began := time.Now()
	deadline := began.Add(d.IdleLimit)
	for d.err == nil {
		if d.response == nil {
			if d.err = d.resume(deadline); d.err != nil {
				break
			}
		}
		first := d.at.offset == 0
		if n := d.readConn(b, deadline); n > 0 {
			if first && isErrorPage(d.file.ContentType, b[:n]) {
				d.err = d.giveUp("it begins as an error page, and the API says that the file is a " + d.file.ContentType)
				break
			}
			d.checkRate(n, time.Since(began))
			return n, nil
		}
	}
	return 0, d.err
}

// isErrorPage reports whether bytes that a file begins with cannot be that file: S3's
// error document, or text where the declared type is one of bytes.
func isErrorPage(declared string, start []byte) bool {
	start = bytes.TrimLeft(start[:min(len(start), 512)], " \t\r\n")
	if bytes.Contains(start, []byte("<Error>")) && bytes.Contains(start, []byte("<Code>")) {
		return true
	}
	sniffed := http.DetectContentType(start)
	isText := strings.HasPrefix(sniffed, "text/")
	isPage := strings.HasPrefix(sniffed, "text/html") || strings.HasPrefix(sniffed, "text/xml") || isText && bytes.HasPrefix(start, []byte("{"))
	return isPage && mediatype.IsBytes(declared)
}

// resume replaces the connection.
func (d *reader) resume(deadline time.Time) error {
	d.Resumed.Inc()
	d.file.Log.Debug("resuming a download", zap.Int64("offset", d.at.offset), zap.Error(d.broken))
	err := d.connect(deadline)
	if errors.Is(err, errEndsHere) {
		return io.EOF
	}
	return err
}

// readConn reads from the present connection, and closes it when it has ended.
func (d *reader) readConn(b []byte, deadline time.Time) int {
	d.response.SetIdleLimit(min(d.StallLimit, max(time.Until(deadline), 0)))
	n, err := d.response.Read(b)
	d.at.offset += int64(n)
	d.connBytes += int64(n)
	if n > 0 {
		d.refused, d.tries = 0, 0
	}
	switch {
	case d.at.offset > d.MaxBytes:
		d.err = job.TooLarge(d.MaxBytes)
		return 0
	case err == nil:
		return n
	}
	d.closeConn()
	d.connEnded(err)
	return n
}

// closeConn closes the present connection.
func (d *reader) closeConn() {
	_ = d.response.Close()
	d.response = nil
	if d.shortConns++; d.connBytes >= minUseful {
		d.shortConns = 0
	}
}

// connEnded tells the end of the file from a break.
func (d *reader) connEnded(err error) {
	ended := err == io.EOF //nolint:errorlint // only the bare io.EOF is an end
	switch {
	case d.ctx.Err() != nil:
		d.err = watchdog.Interruption(d.ctx)
	case d.at.offset == d.at.total || d.at.total < 0 && ended:
		d.err = io.EOF
	case d.at.total >= 0 && d.at.offset > d.at.total:
		d.err = &job.Error{By: job.FileHost, Err: errors.New("the download is longer than was announced")}
	case ended:
		d.broken = io.ErrUnexpectedEOF
	default:
		d.broken = err
	}
}

// checkRate closes the connection of a source that is too slow, so that the next
// Read uses another one. After maxSlow windows there is no other one. Connecting
// and resuming count as waiting for the source.
func (d *reader) checkRate(n int, waited time.Duration) {
	err := d.minRate.Add(n, waited)
	if err == nil || d.err != nil {
		return
	}
	d.broken = err
	if d.response != nil {
		d.closeConn()
	}
	if d.minRate.Slow() >= maxSlow {
		d.err = d.giveUp(fmt.Sprintf("%d windows in a row were no better", maxSlow))
	}
}

// Close ends the download.
func (d *reader) Close() error {
	d.err = cmp.Or(d.err, os.ErrClosed)
	if d.response == nil {
		return nil
	}
	err := d.response.Close()
	d.response = nil
	return err
}
