package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jobferry/jobferry/internal/sink/s3client"
	"github.com/stretchr/testify/require"
)

// readers are the ways in which a reader may deliver the same bytes.
var readers = map[string]func(io.Reader) io.Reader{
	"plain":          func(r io.Reader) io.Reader { return r },
	"byte by byte":   iotest.OneByteReader,
	"halves":         iotest.HalfReader,
	"EOF with bytes": iotest.DataErrReader,
}

func TestStreamDeliversASource(t *testing.T) {
	t.Parallel()
	const text = "twelve bytes"
	for name, wrap := range readers {
		for _, size := range []int64{int64(len(text)), -1} {
			st := newStream(pdf(wrap(strings.NewReader(text)), size))
			got, err := io.ReadAll(st)
			require.NoError(t, err, name)
			require.Equal(t, text, string(got), name)
			require.True(t, st.whole())
			require.NoError(t, st.failure())
			require.Equal(t, referenceChecksum([]byte(text)), st.checksum())
			n, err := st.Read(make([]byte, 1))
			require.Zero(t, n)
			require.ErrorIs(t, err, io.EOF, "a second end")
		}
	}
}

// TestStreamHoldsTheEndBack: of a source that errs after its last byte, that
// byte is not delivered.
func TestStreamHoldsTheEndBack(t *testing.T) {
	t.Parallel()
	broken := errors.New("not whole after all")
	for name, wrap := range readers {
		st := newStream(pdf(wrap(thenErr(strings.NewReader("twelve bytes"), broken)), 12))
		got, err := io.ReadAll(st)
		require.ErrorIs(t, err, broken, name)
		require.Less(t, len(got), 12, name)
		require.ErrorIs(t, st.failure(), broken, name)
		require.False(t, st.whole(), name)
	}
}

// TestStreamTakesOnlyABareEOF: an error that merely wraps io.EOF is an error.
func TestStreamTakesOnlyABareEOF(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("the connection was cut: %w", io.EOF)
	for _, size := range []int64{3, -1} {
		st := newStream(pdf(thenErr(strings.NewReader("abc"), wrapped), size))
		_, err := io.ReadAll(st)
		require.ErrorIs(t, err, wrapped)
		require.ErrorIs(t, st.failure(), wrapped)
		require.False(t, st.whole())
	}
}

func TestStreamFill(t *testing.T) {
	t.Parallel()
	buffer := make([]byte, 8)
	st := newStream(pdf(iotest.OneByteReader(strings.NewReader("twelve bytes")), -1))
	n, err := st.fill(buffer)
	require.NoError(t, err)
	require.Equal(t, "twelve b", string(buffer[:n]))
	n, err = st.fill(buffer)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "ytes", string(buffer[:n]))
	n, _ = st.fill(buffer)
	require.Zero(t, n)
	require.True(t, st.whole())
}

func TestChunkedBodyKnowsItsLength(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 1, 15, 16, 255, 256, 4095, 4096, 1<<20 - 10, 1<<20 - 9, 1<<20 - 8, 1 << 20, 3 << 20, 20<<20 + 7} {
		st := newStream(pdf(pattern(size), size))
		body := s3client.NewChunkedBody(st, size, st.checksum)
		got, err := io.ReadAll(iotest.HalfReader(body))
		require.NoError(t, err)
		require.Len(t, got, int(body.Len()), "size %d", size)

		content, _ := io.ReadAll(pattern(size))
		var want bytes.Buffer
		for chunk := range slices.Chunk(content, 1<<20-9) { // 1 MiB with its frame; MinIO takes no chunks above 16 MiB
			fmt.Fprintf(&want, "%x\r\n%s\r\n", len(chunk), chunk)
		}
		want.WriteString("0\r\nx-amz-checksum-crc64nvme:" + referenceChecksum(content) + "\r\n\r\n")
		require.True(t, bytes.Equal(got, want.Bytes()), "size %d", size)
	}
}

// TestChunkedBodyComesInOnePiece, when there is room for it and the source
// delivers what it has: each piece is a write to the store's connection.
func TestChunkedBodyComesInOnePiece(t *testing.T) {
	t.Parallel()
	st := newStream(pdf(pattern(100), 100))
	body := s3client.NewChunkedBody(st, 100, st.checksum)
	piece := make([]byte, body.Len())
	n, err := body.Read(piece)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, int(body.Len()), n)
}

// TestChunkedBodyFillsItsPieces across the ends of chunks: less would be writes more.
func TestChunkedBodyFillsItsPieces(t *testing.T) {
	t.Parallel()
	const size = 5<<20 + 7
	for _, room := range []int64{32 << 10, 128 << 10, 100_000, 2 << 20, 6 << 20} {
		st := newStream(pdf(pattern(size), size))
		body := s3client.NewChunkedBody(st, size, st.checksum)
		piece := make([]byte, room)
		for left := body.Len(); left > 0; {
			n, err := body.Read(piece)
			require.Equal(t, min(left, room), int64(n))
			left -= int64(n)
			require.Equal(t, left == 0, errors.Is(err, io.EOF), "%v", err)
		}
	}
}

func TestChunkedBodyInPiecesOfAnySize(t *testing.T) {
	t.Parallel()
	st := newStream(pdf(pattern(100), 100))
	want, err := io.ReadAll(s3client.NewChunkedBody(st, 100, st.checksum))
	require.NoError(t, err)
	for size := 1; size <= len(want)+1; size++ {
		st := newStream(pdf(pattern(100), 100))
		body := s3client.NewChunkedBody(st, 100, st.checksum)
		var got []byte
		for err = nil; err == nil; {
			var n int
			piece := make([]byte, size)
			n, err = body.Read(piece)
			got = append(got, piece[:n]...)
		}
		require.Equal(t, io.EOF, err)
		require.Equal(t, string(want), string(got), "pieces of %d", size)
		n, err := body.Read(make([]byte, 1))
		require.Zero(t, n)
		require.Equal(t, io.EOF, err)
	}
}

func TestChunkedBodyOfAnEmptySourceHearsItsVerdict(t *testing.T) {
	t.Parallel()
	broken := errors.New("not whole")
	st := newStream(pdf(errReader{broken}, 0))
	body := s3client.NewChunkedBody(st, 0, st.checksum)
	got, err := io.ReadAll(body)
	require.ErrorIs(t, err, broken)
	require.Empty(t, got)
}

// TestChecksumIsS3s pins the value and the byte order to the example that the
// algorithm is published with: CRC-64/NVME of "123456789" is ae8b14860a799888.
// https://reveng.sourceforge.io/crc-catalogue/17plus.htm
func TestChecksumIsS3s(t *testing.T) {
	t.Parallel()
	require.Equal(t, "rosUhgp5mIg=", checksumOf([]byte("123456789")))
}

// BenchmarkStream is the work per byte between a source and the transport,
// with the copy buffer that net/http uses.
func BenchmarkStream(b *testing.B) {
	const size = 8 << 20
	content := bytes.Repeat([]byte("jobferry"), size/8)
	buffer := make([]byte, 32<<10)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		st := newStream(pdf(bytes.NewReader(content), size))
		body := s3client.NewChunkedBody(st, size, st.checksum)
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, body, buffer); err != nil {
			b.Fatal(err)
		}
	}
}
