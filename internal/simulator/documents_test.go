package simulator_test

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/simulator"
)

func TestPDF(t *testing.T) {
	t.Parallel()
	file := simulator.PDFFile(3)
	doc := bytesOf(t, file.Content)
	require.Equal(t, 3, file.PageCount)
	require.Contains(t, string(doc[:8]), "%PDF-1.")
	require.Len(t, regexp.MustCompile(`/Type /Page\b[^s]`).FindAll(doc, -1), 3)
}

// A padded document has the size that was asked for, to the byte, and a chain
// of cross-reference sections that leads back to the document it was.
func TestLargePDF(t *testing.T) {
	t.Parallel()
	original := bytesOf(t, simulator.PDFFile(5).Content)
	// Sizes around which the offsets get a digit more.
	for _, size := range []int64{16 << 10, 99_990, 100_000, 100_150, 100_151, 100_200, 1 << 20, 64 << 20} {
		content := simulator.LargePDFFile(5, size).Content
		require.Equal(t, size, content.Size())

		tail := readAt(t, content, size-400, 400)
		table := number(t, `startxref\n(\d+)\n%%EOF\n$`, tail)
		section := readAt(t, content, table, 500)
		require.Regexp(t, `^xref\n\d+ 1\n\d{10} 00000 n \ntrailer\n<<`, section)

		offset := number(t, `(\d{10}) 00000 n`, section)
		object := readAt(t, content, offset, 100)
		length := number(t, `^\d+ 0 obj\n<< /Length (\d+) +>>\nstream\n`, object)
		data := int64(regexp.MustCompile(`stream\n`).FindStringIndex(object)[1])
		require.Equal(t, "\nendstream\nendobj\nxref\n", readAt(t, content, offset+data+length, 23))

		require.Equal(t, string(original), readAt(t, content, 0, int64(len(original))))
		require.Equal(t, "xref", readAt(t, content, number(t, `/Prev (\d+)`, section), 4))
	}
	require.Panics(t, func() { simulator.LargePDFFile(5, 1000) })
}

func readAt(t *testing.T, content simulator.Content, off, n int64) string {
	t.Helper()
	piece := make([]byte, n)
	read, err := content.ReadAt(piece, off)
	if !errors.Is(err, io.EOF) {
		require.NoError(t, err)
	}
	return string(piece[:read])
}

func number(t *testing.T, pattern, text string) int64 {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	require.NotNil(t, found, "%s in %q", pattern, text)
	value, err := strconv.ParseInt(found[1], 10, 64)
	require.NoError(t, err)
	return value
}

func TestPNG(t *testing.T) {
	t.Parallel()
	picture, err := png.Decode(simulator.Open(simulator.PNGFile().Content))
	require.NoError(t, err)
	require.Equal(t, 320, picture.Bounds().Dx())
}

func TestOfficeDocuments(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]simulator.File{"word/document.xml": simulator.WordFile(), "xl/workbook.xml": simulator.ExcelFile()} {
		archive, err := zip.NewReader(simulator.Open(file.Content), file.Content.Size())
		require.NoError(t, err)
		names := map[string]bool{}
		for _, part := range archive.File {
			names[part.Name] = true
			r, err := part.Open()
			require.NoError(t, err)
			body, err := io.ReadAll(r)
			require.NoError(t, err, part.Name)
			require.NoError(t, xml.Unmarshal(body, new(struct{})), part.Name)
		}
		require.True(t, names[name] && names["[Content_Types].xml"] && names["_rels/.rels"], "%v", names)
	}
}
