package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-units"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// display shows the samples on their way.
type display interface {
	// started notes when a sample was submitted.
	started(r *row, at time.Time)
	// settled shows a sample's event and stores it in the row.
	settled(r *row, event job.Event)
	// close leaves what was shown as it is. It may be called more than once.
	close()
}

// progressFunc is how far a row is, from 0 to 1, and what happens to it.
type progressFunc func(*row) (float64, string)

// newDisplay returns live bars on a terminal, and plain lines elsewhere.
func newDisplay(ctx context.Context, out io.Writer, rows []*row, progress progressFunc) display {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) { //nolint:gosec // a file descriptor fits
		return newBars(ctx, out, rows, progress)
	}
	return &lines{out: out}
}

// lines prints one line for each sample that has settled.
type lines struct{ out io.Writer }

func (*lines) started(r *row, at time.Time) { r.submitted = at }

func (l *lines) settled(r *row, event job.Event) {
	r.event = &event
	fmt.Fprintf(l.out, "%-38s %s\n", r.sample.Job.ID, describe(event.Data))
}

func (*lines) close() {}

// bars draws one bar for each sample, all the time.
type bars struct {
	progress progressFunc
	pool     *mpb.Progress
	stop     context.CancelFunc
	drawing  sync.WaitGroup

	mu   sync.Mutex
	bars map[*row]*mpb.Bar
	says map[*row]string
}

// full is the length of a bar.
const full = 1000

// redraw is how often the progress is looked at.
const redraw = 100 * time.Millisecond

func newBars(ctx context.Context, out io.Writer, rows []*row, progress progressFunc) *bars {
	ctx, stop := context.WithCancel(ctx)
	b := &bars{
		progress: progress, stop: stop, bars: map[*row]*mpb.Bar{}, says: map[*row]string{},
		pool: mpb.New(mpb.WithOutput(out), mpb.WithRefreshRate(redraw), mpb.WithWidth(20)),
	}
	for _, r := range rows {
		b.bars[r] = b.pool.AddBar(full,
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-38s", r.sample.Job.ID))),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.said(r) })),
		)
	}
	b.drawing.Go(func() { b.draw(ctx, rows) })
	return b
}

func (b *bars) said(r *row) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.says[r]
}

func (b *bars) draw(ctx context.Context, rows []*row) {
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, r := range rows {
				b.update(r)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (b *bars) update(r *row) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.event != nil || r.submitted.IsZero() {
		return
	}
	part, says := b.progress(r)
	b.says[r] = says
	b.bars[r].SetCurrent(min(int64(part*full), full-1))
}

func (b *bars) started(r *row, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.submitted = at
}

func (b *bars) settled(r *row, event job.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.event = &event
	b.says[r] = describe(event.Data)
	b.bars[r].SetCurrent(full)
}

func (b *bars) close() {
	b.stop()
	b.drawing.Wait()
	for _, bar := range b.bars {
		bar.Abort(false)
	}
	b.pool.Wait()
}

// describe tells an event in a few words.
func describe(data job.EventData) string {
	words := []string{string(data.Status)}
	if data.Kind != "" {
		words = append(words, string(data.Kind))
	}
	if data.Reason != "" {
		words = append(words, data.Reason)
	}
	if data.Error != nil {
		words = append(words, data.Error.Type)
	}
	var size int64
	for _, object := range data.Objects {
		size += object.Size
	}
	if len(data.Objects) > 0 {
		words = append(words, fmt.Sprintf("%d object(s), %s", len(data.Objects), units.BytesSize(float64(size))))
	}
	words = append(words, fmt.Sprintf("after %v and %d poll(s)",
		data.SettledAt.Sub(data.SubmittedAt).Round(10*time.Millisecond), data.Polls))
	return strings.Join(words, ", ")
}
