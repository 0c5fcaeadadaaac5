package simulator

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-pdf/fpdf"
)

// typePDF is the media type of PDF (RFC 8118).
const typePDF = "application/pdf"

// PDFFile is a real PDF of a few KiB with that many pages of text.
func PDFFile(pages int) File {
	return File{Name: "document.pdf", ContentType: typePDF, PageCount: pages, Content: bytes.NewReader(pdf(pages))}
}

// LargePDFFile is a real PDF of exactly size bytes, of which only its few
// pages are held in memory. It panics on a size too small for them (16 KiB is
// enough for 5 pages).
func LargePDFFile(pages int, size int64) File {
	return File{Name: "scan.pdf", ContentType: typePDF, PageCount: pages, Content: paddedPDF(pdf(pages), size)}
}

// pdf returns a document of text pages. It is the same bytes every time.
func pdf(pages int) []byte {
	at := time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)
	doc := fpdf.New("P", "mm", "A4", "")
	doc.SetCatalogSort(true) // or the fonts come in the order of a map
	doc.SetCreationDate(at)
	doc.SetModificationDate(at)
	doc.SetTitle("A simulated result", false)
	for page := 1; page <= pages; page++ {
		doc.AddPage()
		doc.SetFont("Helvetica", "B", 18)
		doc.Cell(0, 12, fmt.Sprintf("A simulated result, page %d of %d", page, pages))
		doc.Ln(16)
		doc.SetFont("Helvetica", "", 11)
		doc.MultiCell(0, 6, strings.Repeat("Every byte of this document is the same each time it is made. ", 24), "", "", false)
	}
	var out bytes.Buffer
	if err := doc.Output(&out); err != nil { // a buffer takes everything
		panic(fmt.Sprintf("simulator: make a PDF of %d pages: %v", pages, err))
	}
	return out.Bytes()
}

var (
	pdfRoot  = regexp.MustCompile(`/Root (\d+ 0 R)`)
	pdfInfo  = regexp.MustCompile(`/Info (\d+ 0 R)`)
	pdfSize  = regexp.MustCompile(`(?s)trailer\s*<<.*?/Size (\d+)`)
	pdfStart = regexp.MustCompile(`startxref\s+(\d+)`)
)

// paddedPDF makes a document longer by an incremental update (ISO 32000-1,
// 7.5.6): one more object, a stream of noise that nothing refers to, with a
// cross-reference section and trailer of its own.
func paddedPDF(doc []byte, size int64) Content {
	object, _ := strconv.Atoi(pdfField(pdfSize, doc)) // digits by its pattern
	// What stands around a number has a fixed length, so that the number does
	// not change what it measures.
	head := func(length int64) string {
		return fmt.Sprintf("\n%d 0 obj\n<< /Length %-12d >>\nstream\n", object, length)
	}
	tail := func(length int64) string {
		table := int64(len(doc)+len(head(0))) + length + int64(len(pdfStreamEnd))
		return pdfStreamEnd + fmt.Sprintf("xref\n%d 1\n%010d 00000 n \n", object, len(doc)+1) +
			fmt.Sprintf("trailer\n<< /Size %d /Root %s /Info %s /Prev %s >>\n",
				object+1, pdfField(pdfRoot, doc), pdfField(pdfInfo, doc), pdfField(pdfStart, doc)) +
			fmt.Sprintf("%%%s\nstartxref\n%d\n%%%%EOF\n", strings.Repeat(" ", 20-len(strconv.FormatInt(table, 10))), table)
	}
	length := size - int64(len(doc)+len(head(0))+len(tail(0)))
	if length < 0 {
		panic(fmt.Sprintf("simulator: a PDF of %d bytes cannot be padded to %d", len(doc), size))
	}
	return joined{
		bytes.NewReader(doc), strings.NewReader(head(length)),
		Noise("pdf", length), strings.NewReader(tail(length)),
	}
}

const pdfStreamEnd = "\nendstream\nendobj\n"

// pdfField returns what the library wrote into the trailer.
func pdfField(pattern *regexp.Regexp, doc []byte) string {
	found := pattern.FindSubmatch(doc)
	if found == nil {
		panic(fmt.Sprintf("simulator: the PDF has no %v", pattern))
	}
	return string(found[1])
}
