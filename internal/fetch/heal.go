package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/retry"
)

// maxRefused is how many fresh URLs in a row may be refused before the file is
// taken to be gone for good.
const maxRefused = 3

// errRefused is the outcome of a request whose URL the file host does not
// take any more.
var errRefused = errors.New("the file host refuses the URL")

// errIdle ends a renewal that takes longer than the download may be idle.
var errIdle = errors.New("the download has been idle for too long")

// resumeDelay is the backoff after so many tries that brought little or nothing.
func resumeDelay(tries int) time.Duration {
	if tries == 0 {
		return 0
	}
	return retry.Policy{Initial: 100 * time.Millisecond, Max: 2 * time.Second, Multiplier: 2}.Delay(tries - 1)
}

// connect opens a connection that goes on at the offset. It tries until the
// deadline; then the error is the last real one. errEndsHere means that there
// is nothing to go on with, and that the file is whole.
func (d *download) connect(deadline time.Time) error {
	for {
		if err := d.pause(resumeDelay(max(d.tries, d.brief-maxBrief)), deadline); err != nil {
			return err
		}
		d.tries++
		err := d.request(time.Until(deadline))
		if errors.Is(err, errRefused) && !final(err) { // which may have been refused before it got stuck
			err = d.renewed(deadline, err)
		} else if err == nil {
			return nil
		}
		switch {
		case d.ctx.Err() != nil:
			return interruption(d.ctx)
		case final(err):
			return err
		case err != nil:
			d.broken = err
		}
	}
}

// final reports whether another try would change nothing. A download that can
// go on neither here nor at a fresh URL is one of these too.
func final(err error) bool {
	_, known := errors.AsType[*job.Error](err)
	return known || errors.Is(err, errEndsHere)
}

// pause waits before the next try, or reports that there is no time for one.
func (d *download) pause(delay time.Duration, deadline time.Time) error {
	if time.Until(deadline) <= delay {
		return d.stuck(fmt.Sprintf("nothing more came within %v", d.client.cfg.IdleLimit))
	}
	if delay == 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.ctx.Done():
		return interruption(d.ctx)
	}
}

// renewed takes a fresh URL in place of a refused one, to be used at once. The
// first refusal may be a matter of time, and so is no reason to wait; further
// ones are.
func (d *download) renewed(deadline time.Time, refusal error) error {
	if d.refused == maxRefused {
		return &job.Error{
			Class:  job.ClassPermanent,
			Reason: job.ReasonJobExpired,
			Err:    fmt.Errorf("%d fresh URLs of the file were refused in a row: %w", maxRefused, refusal),
		}
	}
	d.broken = refusal
	if d.refused > 0 {
		if err := d.pause(d.client.cfg.RenewDelay<<(d.refused-1), deadline); err != nil {
			return err
		}
	}
	d.log().Info("asking for a fresh URL of a result", zap.Int("refused", d.refused), zap.Error(refusal))
	d.client.metrics.renewals.Inc()
	err := d.renew(deadline)
	if errors.Is(err, errIdle) {
		return refusal
	}
	if err == nil {
		d.refused++
		d.tries = 0
	}
	return err
}

// renew asks the API for the job again and takes the URL of the same file.
func (d *download) renew(deadline time.Time) error {
	ctx, cancel := context.WithDeadlineCause(d.ctx, deadline, errIdle)
	defer cancel()
	answer, err := d.client.poll(ctx, d.id, selection(d.index))
	if err != nil {
		return transient(err)
	}
	defer func() { _ = answer.Close() }()
	switch {
	case answer.Verdict != job.Completed:
		return &job.Error{By: job.FileHost, Err: fmt.Errorf("the job is %s where it was completed", answer.Verdict), RetryAfter: answer.RetryAfter}
	case len(answer.Files) == 0 || answer.Files[0].URL.IsZero():
		return &job.Error{By: job.FileHost, Err: errors.New("the result has not the file any more that it had")}
	}
	return d.aim(answer.Files[0])
}

// transient unwraps the error of a poll that is worth another try while the
// download has time: not one that asks to be left alone.
func transient(err error) error {
	known, ok := errors.AsType[*job.Error](err)
	if ok && waits(known) && known.Class != job.ClassThrottled && known.RetryAfter == 0 {
		return known.Err
	}
	return err
}

// request makes one try. A nil error means that the response stands at the
// offset.
func (d *download) request(left time.Duration) error {
	stall := d.client.cfg.StallLimit
	r, err := send(d.ctx, d.client.files, request{
		method: http.MethodGet, url: d.url, header: d.header(),
		openLimit: min(stall, max(left, 0)), idleLimit: stall,
	})
	if err != nil {
		return err
	}
	if err := d.accept(r); err != nil {
		r.drain()
		return err
	}
	r.opened()
	d.response, d.taken = r, 0
	return nil
}

// header asks for the rest of the file, and for the bytes as they are stored:
// ranges of an encoding made on the way would not fit together.
func (d *download) header() http.Header {
	h := http.Header{"Accept-Encoding": {"identity"}, "Accept": {"*/*"}, "User-Agent": {userAgent}}
	if d.offset > 0 {
		h.Set("Range", fmt.Sprintf("bytes=%d-", d.offset))
		if validator := d.version.validator(); validator != "" {
			h.Set("If-Range", validator)
		}
	}
	return h
}
