package download

import (
	"bytes"
	"cmp"
	"compress/gzip"
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
	IdleLimit  time.Duration // for which a broken download is resumed without a byte
	StallLimit time.Duration // in which one connection has to bring a byte; twice that for its first one
	RenewDelay time.Duration // before the second fresh URL; it doubles before the third
	MinRate    watchdog.MinRate

	Resumed prometheus.Counter // connections after the first one
	Renewed prometheus.Counter // URLs that were refused
}

// File is a file to download.
type File struct {
	job.File

	Number int // in the result, from 1; it stands in errors
	Stalls int // of earlier downloads of the job: each doubles StallLimit, to maxStall
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

// maxStall is the longest that a connection may bring no byte.
const maxStall = 2 * time.Minute

// maxStart is how many bytes of a file are looked at before its download counts as
// begun.
const maxStart = 512

// maxOpening is how long a download is tried that has not begun: it can as well wait
// without a slot.
const maxOpening = 5 * time.Second

// maxSlow is how many windows below the least rate end a download: by then two
// other connections have been no better.
const maxSlow = 3

// reader is the [job.Source] of a download.
type reader struct {
	*Opener

	ctx  context.Context // an io.Reader has no other way to be canceled
	file File

	contentType string
	encoding    string
	ext         string
	size        int64
	start       []byte // read by Open, and not yet by anybody else

	url        *url.URL
	at         position
	refused    int           // fresh URLs refused in a row
	tries      int           // connections tried since the last byte
	connBytes  int64         // from the present connection
	stalls     int           // connections in a row that brought nothing for too long
	excused    time.Duration // that these took: it does not count as a slow source
	shortConns int           // connections in a row that brought fewer than minUseful bytes
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
	if err := d.connect(time.Now().Add(d.patience())); err != nil {
		return nil, err
	}
	// What a later connection says does not change these.
	d.size = d.at.total
	d.contentType = mediatype.First(file.ContentType, d.response.Header.Get("Content-Type"))
	d.encoding = mediatype.ContentEncoding(d.response.Header)
	d.ext = mediatype.ExtOf(d.url)
	if d.size == 0 && file.DeclaredSize != nil && *file.DeclaredSize > 0 {
		_ = d.Close()
		return nil, &job.Error{By: job.FileHost, Err: fmt.Errorf("the file host sends nothing of a file of %d bytes", *file.DeclaredSize)}
	}
	if d.size > o.MaxBytes {
		_ = d.Close()
		return nil, job.TooLarge(o.MaxBytes)
	}
	if err := d.readStart(); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// readStart waits for the first bytes: nothing need be done with a file before they
// have come, and what cannot be the file is no file.
func (d *reader) readStart() error {
	start := make([]byte, maxStart)
	n, err := d.Read(start)
	if err != nil && err != io.EOF { //nolint:errorlint // only the bare io.EOF is an end
		return err
	}
	d.start = start[:n]
	text, isGzip := gunzip(d.start)
	if !isGzip && strings.HasSuffix(d.encoding, "gzip") {
		d.encoding = "" // said wrongly, the object could not be read
	}
	if isErrorPage(d.file.ContentType, text) {
		return d.giveUp(fmt.Errorf("it begins as an error page, and the API says that the file is a %s", d.file.ContentType))
	}
	return nil
}

// gunzip decodes the bytes that a file begins with, if they are gzip.
func gunzip(start []byte) (decoded []byte, isGzip bool) {
	in, err := gzip.NewReader(bytes.NewReader(start))
	if err != nil {
		return start, false
	}
	decoded = make([]byte, maxStart)
	n, _ := io.ReadFull(in, decoded) // the rest of the file is missing
	return decoded[:n], true
}

// Size is the exact number of bytes, or -1 when it is not known.
func (d *reader) Size() int64 { return d.size }

// ContentType is the media type, never empty.
func (d *reader) ContentType() string { return d.contentType }

// ContentEncoding is the file host's, or empty.
func (d *reader) ContentEncoding() string { return d.encoding }

// Ext is the extension that the URL's path has, with its dot, or empty.
func (d *reader) Ext() string { return d.ext }

// Read returns the file's bytes in order, over as many connections as it takes.
// The limits run from the call: the time that the caller takes between two calls
// does not count.
func (d *reader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if n := copy(b, d.start); n > 0 {
		d.start = d.start[n:]
		return n, nil
	}
	began := time.Now()
	deadline := began.Add(d.patience())
	for d.err == nil {
		if d.response == nil {
			if errors.Is(d.broken, watchdog.ErrStalled) { // the next connection has its time
				deadline = time.Now().Add(d.patience())
			}
			if d.err = d.resume(deadline); d.err != nil {
				break
			}
		}
		if n := d.readConn(b); n > 0 {
			d.checkRate(n, time.Since(began)-d.excused)
			d.excused = 0
			return n, nil
		}
	}
	return 0, d.err
}

// isErrorPage reports whether bytes that a file begins with cannot be that file: S3's
// error document, or text where the declared type is one of bytes.
func isErrorPage(declared string, start []byte) bool {
	start = bytes.TrimLeft(start, " \t\r\n")
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
	short := errors.Is(d.broken, errShort)
	err := d.connect(deadline)
	if errors.Is(err, errEndsHere) || short && errors.Is(err, errNoRest) {
		return io.EOF
	}
	return err
}

// readConn reads from the present connection, and closes it when it has ended.
func (d *reader) readConn(b []byte) int {
	d.response.SetIdleLimit(d.stallLimit())
	if d.connBytes == 0 {
		d.response.SetIdleLimit(d.startLimit())
	}
	n, err := d.response.Read(b)
	d.at.offset += int64(n)
	d.connBytes += int64(n)
	if n > 0 {
		d.refused, d.tries, d.stalls = 0, 0, 0
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
	case d.at.total < 0 && ended && d.mayBeShort():
		d.broken = errShort
	case d.at.offset == d.at.total || d.at.total < 0 && ended:
		d.err = io.EOF
	case d.at.total >= 0 && d.at.offset > d.at.total:
		d.err = &job.Error{By: job.FileHost, Err: errors.New("the download is longer than was announced")}
	case ended:
		d.broken = io.ErrUnexpectedEOF
	case d.connBytes == 0 && errors.Is(err, watchdog.ErrStalled):
		d.err = d.onStall(err)
	default:
		d.broken = err
	}
}

// errShort is the end of a body that only the connection's end marks, before the size
// that the API declares. Either may be wrong.
var errShort = errors.New("the connection ended before the declared size")

// mayBeShort reports whether the body may have been cut where it ended.
func (d *reader) mayBeShort() bool {
	return d.at.noEnd && d.file.DeclaredSize != nil && d.at.offset < *d.file.DeclaredSize
}

// patience is how long the download is tried without a byte.
func (d *reader) patience() time.Duration {
	if d.at.offset == 0 {
		return min(d.IdleLimit, maxOpening)
	}
	return d.IdleLimit
}

// stallLimit is how long a connection may bring no byte.
func (d *reader) stallLimit() time.Duration {
	return min(d.StallLimit<<min(d.file.Stalls+d.stalls, 10), max(maxStall, d.StallLimit))
}

// startLimit is how long the first byte of a connection may take.
func (d *reader) startLimit() time.Duration {
	return min(2*d.stallLimit(), max(maxStall, d.StallLimit))
}

// maxStalls is how many connections in a row may bring nothing where a download
// goes on. What has come of the file is worth more than the time.
const maxStalls = 2

// onStall gives the next connection more time after one that brought nothing. It
// returns an error when there is to be no other one: a download that has not begun
// waits without a slot.
func (d *reader) onStall(err error) error {
	d.excused += d.startLimit()
	d.stalls++
	if d.at.offset > 0 && d.stalls < maxStalls {
		d.broken = err
		return nil
	}
	return &job.Error{Class: job.ClassStalled, By: job.FileHost, Err: fmt.Errorf("the file host brings nothing for %v, at byte %d: %w", d.startLimit(), d.at.offset, err)}
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
		d.err = d.giveUp(fmt.Errorf("%d windows in a row were no better", maxSlow))
	}
}

// Close ends the download.
func (d *reader) Close() error {
	d.err = cmp.Or(d.err, os.ErrClosed)
	d.start = nil
	if d.response == nil {
		return nil
	}
	err := d.response.Close()
	d.response = nil
	return err
}
