package simulator_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

// Every content reads the same in one piece, in small pieces, and from any
// place: iotest checks the contracts of io.Reader, io.Seeker and io.ReaderAt.
func TestContents(t *testing.T) {
	t.Parallel()
	payload := func(kind job.Kind, size int64) simulator.Content {
		j := simulator.Job{ID: "a", Kind: kind, PayloadSize: size}
		return j.Expect().Objects[0].Content
	}
	for name, content := range map[string]simulator.Content{
		"noise":       simulator.Noise("seed", 1003),
		"no noise":    simulator.Noise("seed", 0),
		"a file":      simulator.FileContent("job", 3, 4097),
		"text":        payload(job.KindText, 5000),
		"tables":      payload(job.KindTables, 5000),
		"properties":  payload(job.KindProperties, 5000),
		"large pdf":   simulator.LargePDFFile(2, 20_000).Content,
		"from memory": strings.NewReader("some text"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := bytesOf(t, content)
			require.EqualValues(t, content.Size(), len(all))
			require.NoError(t, iotest.TestReader(simulator.Open(content), all))
			for _, off := range []int64{0, 1, 7, 8, 500} {
				piece := make([]byte, 9)
				n, err := content.ReadAt(piece, off)
				if err != nil {
					require.ErrorIs(t, err, io.EOF)
				}
				want := all[min(off, int64(len(all))):]
				require.Equal(t, want[:min(len(want), 9)], piece[:n], "at %d", off)
			}
		})
	}
}

// A checker on another machine hashes the same bytes: the generator must not
// change, or objects stored before no longer compare.
func TestNoiseIsFixed(t *testing.T) {
	t.Parallel()
	got := bytesOf(t, simulator.FileContent("job-1", 0, 16))
	require.Equal(t, []byte{0x2f, 0xc0, 0x7f, 0x6, 0xa8, 0xd3, 0xe3, 0x19, 0x9f, 0xe8, 0x6d, 0x6a, 0x2f, 0x76, 0x2, 0x65}, got)
}

func TestNoiseDiffersByJobAndIndex(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]bool{}
	for _, id := range []string{"a", "b", "a-1"} {
		for index := range 3 {
			sum := sha256.Sum256(bytesOf(t, simulator.FileContent(id, index, 64)))
			require.False(t, seen[sum], "%s/%d is like another one", id, index)
			seen[sum] = true
		}
	}
}

// The far end of a file that no memory could hold.
func TestNoiseOfManyTiB(t *testing.T) {
	t.Parallel()
	const size = 5 << 40
	content := simulator.Noise("seed", size)
	tail := make([]byte, 100)
	n, err := content.ReadAt(tail, size-40)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 40, n)
	require.NotEqual(t, make([]byte, 40), tail[:40])
	again := make([]byte, 40)
	_, err = simulator.Open(content).ReadAt(again, size-40)
	require.NoError(t, err)
	require.True(t, bytes.Equal(again, tail[:40]))
}
