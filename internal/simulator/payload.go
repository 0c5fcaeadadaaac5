package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jobferry/jobferry/internal/job"
)

// shape is how a generated payload of one kind is made: a head, rows up to the
// size that is asked for, a tail. It is never in memory whole.
type shape struct {
	head, tail string
	width      int // bytes of a row, filled up with spaces
	row        func(dst []byte, i int64) []byte
}

// defaultRows is how many rows a payload has for which no size is asked.
const defaultRows = 3

// shapeOf returns the shape of a payload kind; text has its own, in text.go.
func shapeOf(kind job.Kind) (shape, bool) {
	switch kind {
	case job.KindTables:
		return shape{`{"tables":[`, `]}`, 448, listed(tableRow)}, true
	case job.KindTextBoxes:
		return shape{`{"textBoxes":[`, `]}`, 160, listed(textBoxRow)}, true
	case job.KindPIIBoxes:
		return shape{`{"PIIBoxes":[`, `]}`, 224, listed(piiRow)}, true
	case job.KindForm:
		return shape{`{"fields":[`, `],"averageConfidence":96.5}`, 96, listed(fieldRow)}, true
	case job.KindProperties:
		return shape{propertiesHead, propertiesTail, 20, keywordRow}, true
	case job.KindJSON:
		return shape{`{"documentType":"invoice","lines":[`, `],"total":"42.00"}`, 96, listed(invoiceRow)}, true
	default:
		return shape{}, false
	}
}

const (
	propertiesHead = `{"title":"Annual report","author":"A. Writer","subject":"Figures","keywords":"`
	propertiesTail = `","creator":"Writer 7","producer":"Simulated PDF Library 1.0",` +
		`"creationDate":"D:20261101120000Z","modDate":"D:20261102120000Z","trapped":"False"}`
)

// content returns the payload with at least size bytes, as it stands in the
// answer and in the store alike.
func (s shape) content(size int64) Content {
	count := int64(defaultRows)
	if rest := size - int64(len(s.head)+len(s.tail)); rest > 0 {
		count = (rest + int64(s.width) - 1) / int64(s.width)
	}
	return joined{
		strings.NewReader(s.head),
		rows{count: count, width: s.width, render: s.row},
		strings.NewReader(s.tail),
	}
}

// listed puts a comma before every row but the first.
func listed(row func([]byte, int64) []byte) func([]byte, int64) []byte {
	return func(dst []byte, i int64) []byte {
		if i > 0 {
			dst = append(dst, ',')
		}
		return row(dst, i)
	}
}

func tableRow(dst []byte, i int64) []byte {
	return fmt.Appendf(dst, `{"ID":"table-%010d","pageIndices":[%d],"tableData":{"title":"Table %d",`+
		`"cells":[["Item","Price"],["Coffee",3.5],["Tea","2.80 €"]],"footers":["VAT included"],`+
		`"confidences":[[0.99,0.98],[0.97,0.96],[0.95,0.94]],"averageConfidence":0.965,`+
		`"headerCells":[[1,1],[1,2]],"summaryCells":[]}}`, i, i%200, i)
}

func textBoxRow(dst []byte, i int64) []byte {
	return fmt.Appendf(dst, `{"ID":"box-%010d","text":"Paragraph %d, \"quoted\"","textPiece":null,`+
		`"pageIndex":%d,"boundingBox":[72,%d.5,451.2,14]}`, i, i, i%200, i%800)
}

func piiRow(dst []byte, i int64) []byte {
	types := [...]string{"NAME", "EMAIL", "ADDRESS", "INTERNATIONAL_BANK_ACCOUNT_NUMBER", "SSN"}
	return fmt.Appendf(dst, `{"ID":"pii-%010d","text":"10 Wall Street, NY 03183","textPiece":"10 Wall Street",`+
		`"pageIndex":%d,"boundingBox":[200,100,100,20],"PIIType":%q,"confidence":0.%02d}`,
		i, i%200, types[i%int64(len(types))], i%100)
}

func fieldRow(dst []byte, i int64) []byte {
	return fmt.Appendf(dst, `{"name":"field-%010d","value":"Value %d","confidence":%d.5}`, i, i, i%100)
}

func keywordRow(dst []byte, i int64) []byte { return fmt.Appendf(dst, "keyword-%010d ", i) }

func invoiceRow(dst []byte, i int64) []byte {
	return fmt.Appendf(dst, `{"position":%d,"article":"article-%010d","nested":{"tags":["a","b"]}}`, i, i)
}

// payload returns the value of result in the job's answer, and what of it has
// to stand in the store: the same bytes, but for text, which is unquoted.
func (j Job) payload() (shown, stored Content) {
	switch {
	case j.JSON != nil:
		return bytes.NewReader(j.JSON), bytes.NewReader(j.JSON)
	case j.Kind == job.KindText && j.Text != "":
		return bytes.NewReader(mustJSON(j.Text)), strings.NewReader(j.Text)
	case j.Kind == job.KindText:
		return longText(j.PayloadSize)
	}
	s, _ := shapeOf(j.Kind)
	generated := s.content(j.PayloadSize)
	return generated, generated
}

// mustJSON encodes a value of this package's own types, which cannot fail.
func mustJSON(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("simulator: encode %T: %v", v, err))
	}
	return body
}
