package simulator

import (
	"fmt"
	"strings"
)

// A line of generated text, as it is and as JSON quotes it. The escapes are
// the ones that a reader of JSON strings gets wrong: a quote, a backslash, a
// character by its number, a pair of surrogates; and raw UTF-8 beside them.
const (
	plainLine  = "Line %010d: \"F\u00e4hre\" \\ 5 €\t\U0001F6A2\n"
	quotedLine = `Line %010d: \"F\u00e4hre\" \\ 5 €\t\ud83d\udea2\n`
)

// longText returns generated text of at least size bytes (a few lines for 0),
// as a JSON string and as the UTF-8 text that it stands for.
func longText(size int64) (quoted, plain Content) {
	width := int64(len(renderLine(plainLine)(nil, 0)))
	count := int64(defaultRows)
	if size > 0 {
		count = (size + width - 1) / width
	}
	quoted = joined{strings.NewReader(`"`), lines(quotedLine, count), strings.NewReader(`"`)}
	return quoted, lines(plainLine, count)
}

func lines(format string, count int64) Content {
	render := renderLine(format)
	return rows{count: count, width: len(render(nil, 0)), render: render}
}

func renderLine(format string) func([]byte, int64) []byte {
	return func(dst []byte, i int64) []byte { return fmt.Appendf(dst, format, i) }
}
