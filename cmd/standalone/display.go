package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
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
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return newBars(ctx, out, rows, progress)
	}
	return &lines{out: out}
}

// idColumn is as wide as the longest ID of a sample.
const idColumn = "%-42s"

// lines prints one line for each sample that has settled.
type lines struct{ out io.Writer }

func (*lines) started(r *row, at time.Time) { r.submitted = at }

func (l *lines) settled(r *row, event job.Event) {
	r.event = &event
	fmt.Fprintf(l.out, idColumn+" %s\n", r.sample.Job.ID, describe(event.Data))
}

func (*lines) close() {}

// bars draws one bar for each sample, all the time.
type bars struct {
	progress progressFunc
	pool     *mpb.Progress
	stop     context.CancelFunc
	drawing  sync.WaitGroup

	bars map[*row]*mpb.Bar
	says map[*row]*atomic.Pointer[string]

	// mu guards the rows. It is never held in a call to a bar: the bar waits
	// for its decorators, and they must not wait for us.
	mu sync.Mutex
}

// full is the length of a bar.
const full = 1000

// barWidth is how many columns a bar takes.
const barWidth = 20

// redraw is how often the progress is looked at.
const redraw = 100 * time.Millisecond

// newBars draws until ctx ends or the bars are closed. More options say what
// cannot be found out about an out that is no terminal.
func newBars(ctx context.Context, out io.Writer, rows []*row, progress progressFunc, more ...mpb.ContainerOption) *bars {
	ctx, stop := context.WithCancel(ctx)
	b := &bars{
		progress: progress, stop: stop, bars: map[*row]*mpb.Bar{}, says: map[*row]*atomic.Pointer[string]{},
		pool: mpb.New(append(more, mpb.WithOutput(out), mpb.WithRefreshRate(redraw))...),
	}
	for _, r := range rows {
		says := &atomic.Pointer[string]{}
		says.Store(new(string))
		b.says[r] = says
		b.bars[r] = b.pool.AddBar(full, mpb.BarWidth(barWidth),
			mpb.PrependDecorators(decor.Name(fmt.Sprintf(idColumn, r.sample.Job.ID))),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return *says.Load() })),
		)
	}
	b.drawing.Go(func() { b.draw(ctx, rows) })
	return b
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

// update draws what is known of a row. It alone talks to a bar, from one
// goroutine at a time, so that no progress comes after the event.
func (b *bars) update(r *row) {
	b.mu.Lock()
	event, submitted := r.event, !r.submitted.IsZero()
	b.mu.Unlock()
	switch {
	case event != nil:
		b.set(r, full, describe(event.Data))
	case submitted:
		part, says := b.progress(r)
		b.set(r, min(int64(part*full), full-1), says)
	}
}

func (b *bars) set(r *row, part int64, says string) {
	b.says[r].Store(&says)
	b.bars[r].SetCurrent(part)
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
}

func (b *bars) close() {
	b.stop()
	b.drawing.Wait()
	for r, bar := range b.bars {
		b.update(r) // it may have settled since the last look
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
		words = append(words, count(len(data.Objects), "object"), humanize.IBytes(uint64(size)))
	}
	took := data.SettledAt.Sub(data.SubmittedAt).Round(10 * time.Millisecond)
	return fmt.Sprintf("%s after %v and %s", strings.Join(words, ", "), took, count(data.Polls, "poll"))
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
