package consumer

import (
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

// words is a source of a text.
type words struct {
	io.Reader

	size int64
}

func wordsOf(text string, size int64) words { return words{strings.NewReader(text), size} }

func (w words) Size() int64           { return w.size }
func (words) ContentType() string     { return "text/plain" }
func (words) Ext() string             { return ".txt" }
func (words) ContentEncoding() string { return "" }
func (words) Close() error            { return nil }

func TestTransfersAreListedWhileTheyRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p inFlight
		require.NotNil(t, p.list(), "an empty list rather than none")
		began := time.Now().UTC()
		src, end := p.track("b", "result", wordsOf("abcdef", 6))
		time.Sleep(time.Second)
		_, endLater := p.track("a", "result-002", wordsOf("", -1))
		_, endLast := p.track("a", "result-001", wordsOf("", -1))

		_, err := io.ReadFull(src, make([]byte, 4))
		require.NoError(t, err)
		require.Equal(t, []job.Transfer{
			{Job: "b", Name: "result", Size: 6, Done: 4, Since: began},
			{Job: "a", Name: "result-001", Size: -1, Since: began.Add(time.Second)},
			{Job: "a", Name: "result-002", Size: -1, Since: began.Add(time.Second)},
		}, p.list(), "the one that has run for longest first")
		rest, err := io.ReadAll(src)
		require.NoError(t, err)
		require.Equal(t, "ef", string(rest))
		require.EqualValues(t, 6, p.list()[0].Done)
		require.Equal(t, "text/plain", src.ContentType(), "the rest is the source's own")

		end()
		endLast()
		require.Equal(t, "result-002", p.list()[0].Name)
		endLater()
		require.Empty(t, p.list())
	})
}

func TestTwoTriesOfOneObjectAreTwoTransfers(t *testing.T) {
	t.Parallel()
	var p inFlight
	_, end := p.track("a", "result", wordsOf("", 0))
	_, endOther := p.track("a", "result", wordsOf("", 0))
	end()
	require.Len(t, p.list(), 1)
	endOther()
	require.Empty(t, p.list())
}

func TestTransfersAreListedFromOtherGoroutines(t *testing.T) {
	t.Parallel()
	const size = 1 << 16
	var p inFlight
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			src, end := p.track("a", "result", wordsOf(strings.Repeat("x", size), size))
			defer end()
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, src, make([]byte, 64))
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		readers.Wait()
	}()
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
			for _, transfer := range p.list() {
				require.LessOrEqual(t, transfer.Done, int64(size))
			}
		}
	}
	require.Empty(t, p.list())
}
