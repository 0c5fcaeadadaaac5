// Package sourcetest is the conformance suite of [job.Source]: every
// implementation is run through it by its own package's tests.
package sourcetest

import (
	"io"
	"mime"
	"testing"
	"testing/iotest"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

// Run holds a source to its contract. open returns a new source of the same
// bytes each time.
func Run(t *testing.T, want []byte, open func(t *testing.T) job.Source) {
	t.Helper()
	t.Run("describes itself", func(t *testing.T) {
		source := open(t)
		defer source.Close()
		if size := source.Size(); size != -1 {
			require.Equal(t, int64(len(want)), size, "a known size is exact")
		}
		_, _, err := mime.ParseMediaType(source.ContentType())
		require.NoError(t, err, "the content type is a media type, never empty")
		require.Regexp(t, `^(\.[a-z0-9]+)?$`, source.Ext())
	})
	t.Run("delivers its bytes", func(t *testing.T) {
		source := open(t)
		have, err := io.ReadAll(source)
		require.NoError(t, err)
		require.Equal(t, want, have)
		n, err := source.Read(make([]byte, 1))
		require.Zero(t, n)
		require.ErrorIs(t, err, io.EOF, "the end stays the end")
		require.NoError(t, source.Close())
	})
	t.Run("delivers them byte by byte too", func(t *testing.T) {
		source := open(t)
		defer source.Close()
		have, err := io.ReadAll(iotest.OneByteReader(source))
		require.NoError(t, err)
		require.Equal(t, want, have)
	})
	t.Run("may be closed before its end", func(t *testing.T) {
		source := open(t)
		_, err := source.Read(make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, source.Close())
	})
}
