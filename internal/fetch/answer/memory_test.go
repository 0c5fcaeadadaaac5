package answer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
	"github.com/jobferry/jobferry/internal/job"
)

// signedFiles is the inside of a list of so many files at URLs as S3 signs them,
// of 1.3 KB each, of which no two are alike.
type signedFiles struct {
	list, n, count int
	left           []byte
}

var signedQuery = "?X-Amz-Signature=hunter2&X-Amz-Security-Token=" + strings.Repeat("hunter2/", 156)

func (s *signedFiles) Read(b []byte) (int, error) {
	if len(s.left) == 0 {
		if s.n == s.count {
			return 0, io.EOF
		}
		if s.n++; s.n > 1 {
			s.left = []byte(",")
		}
		s.left = fmt.Appendf(s.left, `{"URL":"https://files.test/%d/%d.pdf%s","contentType":"application/pdf"}`, s.list, s.n-1, signedQuery)
	}
	n := copy(b, s.left)
	s.left = s.left[n:]
	return n, nil
}

// The budget of these tests is a 32nd of the real one, with room for two
// long lists of signed files.
const (
	testListMemory = 4 * fetchtest.Mebibyte
	longList       = 1000
)

// smallReader is a reader with the budget of these tests.
func smallReader() *Reader {
	r := newReader()
	r.lists = &memoryBudget{total: testListMemory, reserved: fetchtest.Mebibyte / 4, short: listStep}
	return r
}

// answerOf is an answer with a list of so many signed files.
func answerOf(list, count int) io.Reader {
	return io.MultiReader(strings.NewReader(`{"jobID":"the-job","status":"completed","result":{"files":[`), &signedFiles{list: list, count: count}, strings.NewReader(`]}}`))
}

func (b *memoryBudget) inUse() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

func TestListsOfFilesShareOneBudget(t *testing.T) {
	t.Parallel()
	r := smallReader()
	read := func(list, count int) (job.Answer, error) {
		return readFrom(t.Context(), t, r, asJSON(answerOf(list, count)))
	}
	first, err := read(0, longList)
	require.NoError(t, err)
	require.Len(t, first.Files, longList)
	held := r.lists.inUse()
	require.Greater(t, held, int64(longList*len(signedQuery)))
	second, err := read(1, longList)
	require.NoError(t, err)

	_, err = read(2, longList)
	waits := fetchtest.RequireUnavailable(t, err)
	require.ErrorIs(t, err, errListsFull)
	require.Equal(t, job.ClassNoRoom, waits.Class, "another pod may have room")
	require.Equal(t, 2*held, r.lists.inUse(), "what was read of it is given back")

	short, err := read(3, 10)
	require.NoError(t, err, "a short list finds room beside long ones")
	require.NoError(t, short.Close())

	require.NoError(t, first.Close())
	require.NoError(t, first.Close())
	require.Equal(t, held, r.lists.inUse(), "once")
	again, err := read(4, longList)
	require.NoError(t, err, "it came again when there was room")
	require.NoError(t, again.Close())
	require.NoError(t, second.Close())
	require.Zero(t, r.lists.inUse())

	_, err = read(5, 3*longList)
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)
	fetchtest.RequireNoSecret(t, err)
	require.Zero(t, r.lists.inUse())
}

// What long lists leave is for short ones, which therefore never wait for them.
func TestBudgetKeepsAReserveForShortLists(t *testing.T) {
	t.Parallel()
	b := newMemoryBudget()
	long, another, short := b.reserve(), b.reserve(), b.reserve()
	require.NoError(t, long.grow(b.longest()))
	require.NoError(t, short.grow(shortList), "up to its whole length")
	waits := fetchtest.RequireUnavailable(t, short.grow(1))
	require.ErrorIs(t, waits, errListsFull, "when it is not short any more")
	require.NoError(t, another.grow(shortList))
	fetchtest.RequireReason(t, long.grow(1), job.ReasonResultTooLarge)
	require.LessOrEqual(t, b.inUse(), int64(listMemory))

	long.release()
	require.NoError(t, another.grow(listMemory/2))
	another.release()
	another.release()
	short.release()
	require.Zero(t, b.inUse())
}

// Many answers at once, whatever comes of each, hold no more than the budget.
// The heap is looked at when each of them has been read to its end, or refused.
func TestManyListsAtOnceAreBounded(t *testing.T) { //nolint:paralleltest // it measures the process
	const answers, slack = 16, 2 * fetchtest.Mebibyte
	read, looked := make(chan struct{}, answers), make(chan struct{})
	bodies := make([]io.Reader, answers)
	for i := range bodies {
		end := readerFunc(func([]byte) (int, error) {
			read <- struct{}{}
			<-looked
			return 0, io.EOF
		})
		bodies[i] = io.MultiReader(answerOf(i, longList), end)
	}
	r := smallReader()
	before := quietHeap()
	kept := make([]job.Answer, answers)
	var polls sync.WaitGroup
	for i := range kept {
		polls.Go(func() {
			answer, err := readFrom(t.Context(), t, r, asJSON(bodies[i]))
			if err != nil {
				read <- struct{}{}
				if !errors.Is(err, errListsFull) {
					t.Error(err)
				}
			}
			kept[i] = answer
		})
	}
	for range answers {
		<-read
	}
	now := fetchtest.Heap()
	close(looked)
	polls.Wait()
	require.Less(t, now, before+testListMemory+slack)
	require.LessOrEqual(t, r.lists.inUse(), int64(testListMemory))
	files := 0
	for i := range kept {
		files += len(kept[i].Files)
		require.NoError(t, kept[i].Close())
	}
	require.LessOrEqual(t, files, 2*longList)
	require.Zero(t, r.lists.inUse())
}

// quietHeap is the heap once nothing more of the tests before goes: secrets
// take more than one collection.
func quietHeap() uint64 {
	now := fetchtest.Heap()
	for last := now + 1; now < last; {
		last, now = now, fetchtest.Heap()
	}
	return now
}

// However an answer ends, its list is given back: at once where nobody gets it,
// else when the answer is closed.
func TestEveryListIsGivenBack(t *testing.T) {
	t.Parallel()
	const count = 100
	list := func(before, after string) io.Reader {
		return io.MultiReader(strings.NewReader(before+`{"files":[`), &signedFiles{count: count}, strings.NewReader(after))
	}
	const done = `{"jobID":"the-job","status":"completed","result":`
	var cancel context.CancelFunc // of the poll under way
	canceled := io.MultiReader(list(done, ""), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, context.Canceled
	}))
	for name, body := range map[string]io.Reader{
		"whole":                list(done, `]}}`),
		"cut short":            list(done, ``),
		"broken":               io.MultiReader(list(done, ``), readerFunc(func([]byte) (int, error) { return 0, iotest.ErrTimeout })),
		"canceled":             canceled,
		"no JSON":              list(done, `x`),
		"bytes behind it":      list(done, `]}}x`),
		"a file that is none":  list(done, `,7]}}`),
		"a file without a URL": list(done, `,{}]}}`),
		"a file that is long":  list(done, `,{"URL":"`+strings.Repeat("x", maxFileBytes)+`"}]}}`),
		"files twice":          list(done, `],"files":[]}}`),
		"two results":          list(done, `]},"result":{"files":[]}}`),
		"then a text":          list(done, `]},"result":"x"}`),
		"nested too deeply":    list(done, `],"x":`+strings.Repeat("[", jsonstream.MaxDepth+1)),
		"running after all":    list(`{"jobID":"the-job","result":`, `]},"status":"running"}`),
		"failed after all":     list(`{"jobID":"the-job","result":`, `]},"status":"failed"}`),
		"no status":            list(`{"jobID":"the-job","result":`, `]}}`),
		"two statuses":         list(done, `]},"status":"canceled"}`),
	} {
		var ctx context.Context
		ctx, cancel = context.WithCancel(t.Context())
		r := smallReader()
		answer, err := readFrom(ctx, t, r, asJSON(body))
		cancel()
		if err != nil {
			fetchtest.RequireNoSecret(t, err)
		}
		if name == "whole" || name == "bytes behind it" {
			require.Len(t, answer.Files, count)
			require.NotZero(t, r.lists.inUse())
			require.NoError(t, answer.Close())
		}
		require.Zero(t, r.lists.inUse(), name)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// An extension is no reason to hold the URL that it came from a second time.
func TestBudgetKnowsWhatAListTakes(t *testing.T) { //nolint:paralleltest // it measures the process
	r := smallReader()
	before := quietHeap()
	answer, err := readFrom(t.Context(), t, r, asJSON(answerOf(0, 2*longList)))
	require.NoError(t, err)
	took := fetchtest.Heap() - before
	require.Len(t, answer.Files, 2*longList)
	require.Less(t, took, uint64(r.lists.inUse()+fetchtest.Mebibyte))
	require.Greater(t, took, uint64(r.lists.inUse()/2))
	require.NoError(t, answer.Close())
}
