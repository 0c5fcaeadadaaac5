package download

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
)

// maxRefused is how many fresh URLs in a row may be refused before the file is
// taken to be gone for good.
const maxRefused = 3

// errIdle ends a renewal that takes longer than the download may be idle.
var errIdle = errors.New("the download has been idle for too long")

// errNoRest is the refusal of a file host to go on with a file that has begun.
var errNoRest = errors.New("the file host does not go on with it")

// connect opens a connection that goes on at the offset. It tries until the
// deadline; then the error is the last real one. errEndsHere means that the file
// is whole.
func (d *reader) connect(deadline time.Time) error {
	for {
		if err := d.pause(resumeDelay(max(d.tries, d.shortConns-maxShort)), deadline); err != nil {
			return err
		}
		d.tries++
		err := d.request()
		if err == nil {
			return nil
		}
		if errors.Is(err, watchdog.ErrNoAnswer) {
			deadline = time.Now().Add(d.patience())
			err = cmp.Or(d.onStall(err), err)
		}
		if errors.Is(err, errRefused) && !isFinal(err) { // it may have been refused before it got stuck
			if err = d.refreshURL(deadline, err); err == nil {
				deadline = later(deadline, time.Now().Add(d.patience())) // the fresh URL has its time
			}
		}
		if asked := job.AsError(err).RetryAfter; asked > 0 && time.Until(deadline) > asked {
			err = cmp.Or(d.sleep(asked), errors.New(err.Error())) // it may be tried again
		}
		switch {
		case d.ctx.Err() != nil:
			return watchdog.Interruption(d.ctx)
		case isFinal(err):
			return err
		case err != nil:
			d.broken = err
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// resumeDelay is the backoff after so many tries that brought little or nothing.
func resumeDelay(tries int) time.Duration {
	if tries == 0 {
		return 0
	}
	return retry.Policy{Initial: 100 * time.Millisecond, Max: 2 * time.Second, Multiplier: 2}.Delay(tries - 1)
}

// isFinal reports whether another try would change nothing.
func isFinal(err error) bool {
	_, known := errors.AsType[*job.Error](err)
	return known || errors.Is(err, errEndsHere)
}

// sleep waits, or is interrupted.
func (d *reader) sleep(delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.ctx.Done():
		return watchdog.Interruption(d.ctx)
	}
}

// request makes one try. Without an error, the response is at the offset.
func (d *reader) request() error {
	resp, err := watchdog.Send(d.ctx, d.Client, watchdog.Request{
		Method: http.MethodGet, URL: d.url, Header: d.header(),
		OpenLimit: d.startLimit(), IdleLimit: d.stallLimit(),
	})
	if err != nil {
		return err
	}
	if err := d.at.accept(resp.Response); err != nil {
		resp.Drain()
		if other, ok := errors.AsType[*otherFile](err); ok {
			return d.giveUp(fmt.Errorf("%w: %w", errNoRest, other))
		}
		return err
	}
	resp.StopOpenTimer()
	d.response, d.connBytes = resp, 0
	return nil
}

// header asks for the rest of the file, and for the bytes as they are stored:
// ranges of an encoding made on the way would not fit together.
func (d *reader) header() http.Header {
	h := http.Header{"Accept-Encoding": {"identity"}, "Accept": {"*/*"}, "User-Agent": {d.UserAgent}}
	if d.at.offset > 0 {
		h.Set("Range", fmt.Sprintf("bytes=%d-", d.at.offset))
		if validator := d.at.version.validator(); validator != "" {
			h.Set("If-Range", validator)
		}
	}
	return h
}

// refreshURL replaces a URL that was refused. The first refusal may be a matter
// of time, and so is no reason to wait; further ones are.
func (d *reader) refreshURL(deadline time.Time, refusal error) error {
	if d.at.offset > 0 && d.refused > 0 { // the host may refuse ranges: the next download begins without one
		return d.giveUp(fmt.Errorf("%w: a fresh URL is refused: %w", errNoRest, refusal))
	}
	if d.refused == maxRefused {
		return &job.Error{
			Class: job.ClassURLRefused, By: job.FileHost, Reason: job.ReasonJobExpired,
			Err: fmt.Errorf("%d fresh URLs of the file were refused in a row: %w", maxRefused, refusal),
		}
	}
	d.broken = refusal
	if d.refused > 0 {
		if err := d.pause(d.RenewDelay<<(d.refused-1), deadline); err != nil {
			return err
		}
	}
	d.file.Log.Info("asking for a fresh URL of a result", zap.Int("refused", d.refused), zap.Error(refusal))
	d.Renewed.Inc()
	ctx, cancel := context.WithDeadlineCause(d.ctx, deadline, errIdle)
	defer cancel()
	file, err := d.file.Renew(ctx)
	switch {
	case errors.Is(err, errIdle):
		return refusal
	case err != nil:
		return err
	}
	if err := d.setURL(file); err != nil {
		return err
	}
	d.refused++
	d.tries = 0
	return nil
}

// encodeRaw percent-encodes the bytes behind the host that no URL has, and leaves all
// others as they came: the URL is signed.
func encodeRaw(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	host := strings.IndexAny(rest, "/?#")
	if host < 0 {
		return raw
	}
	var encoded strings.Builder
	encoded.WriteString(raw[:len(raw)-len(rest)+host])
	for _, c := range []byte(rest[host:]) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>^`{|}", c) >= 0 {
			fmt.Fprintf(&encoded, "%%%02X", c)
		} else {
			encoded.WriteByte(c)
		}
	}
	return encoded.String()
}

// setURL uses the URL of a file, if it may be requested.
func (d *reader) setURL(file job.File) error {
	u, err := url.Parse(encodeRaw(file.URL.Reveal()))
	if err != nil {
		return job.Fail(job.ReasonResultInvalid, "the URL of file %d is not a URL", d.file.Number)
	}
	if err := d.Check(u); err != nil {
		return err
	}
	d.url = u
	return nil
}

// pause waits before the next try, or reports that there is no time for one.
func (d *reader) pause(delay time.Duration, deadline time.Time) error {
	if time.Until(deadline) <= delay {
		return d.giveUp(fmt.Errorf("nothing more came within %v", d.patience()))
	}
	if delay == 0 {
		return nil
	}
	return d.sleep(delay)
}

// giveUp is the error of a download that cannot go on. A download whose last
// connection ended in good order, and too early, has the wrong length.
func (d *reader) giveUp(why error) error {
	if d.at.total >= 0 && errors.Is(d.broken, io.ErrUnexpectedEOF) {
		return &job.Error{Class: job.ClassWrongLength, By: job.FileHost, Err: fmt.Errorf("the download disagrees with its own length: it ended at byte %d of %d, and %w", d.at.offset, d.at.total, why)}
	}
	err := fmt.Errorf("the download broke off at byte %d, and %w", d.at.offset, why)
	if d.broken != nil {
		err = fmt.Errorf("%w: %w", err, d.broken)
	}
	return &job.Error{By: job.FileHost, Err: err}
}
