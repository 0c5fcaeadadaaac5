package answer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/jobferry/jobferry/internal/fetch/watchdog"
)

// Decode makes the response's body what the API has sent, whatever a gateway has made
// of it: gzip is undone where the bytes are gzip, by either of its names (RFC 9110,
// section 8.4.1.3) and as often as they say, and text in another charset becomes
// UTF-8. Other encodings are left alone: the answer cannot be read then, and the
// error names them.
func Decode(resp *watchdog.Response) {
	times := gzipTimes(resp.Header)
	charset := charsetOf(resp.Header.Get("Content-Type"))
	if times == 0 && charset == nil {
		return
	}
	var body io.Reader = resp.Body
	for range times {
		body = &gunzip{from: bufio.NewReader(body)}
	}
	if charset != nil {
		body = charset.NewDecoder().Reader(body)
	}
	resp.Body = decodedBody{body, resp.Body}
	resp.ContentLength = -1
}

type decodedBody struct {
	io.Reader
	io.Closer
}

// maxEncodings is how many encodings, one upon the other, are undone.
const maxEncodings = 3

// gzipTimes is how often the body is said to be gzip, 0 if it has another encoding too.
func gzipTimes(header http.Header) int {
	times := 0
	for name := range strings.SplitSeq(strings.Join(header.Values("Content-Encoding"), ","), ",") {
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			times++
		case "", "identity":
		default:
			return 0
		}
	}
	return min(times, maxEncodings)
}

// isEncoded reports whether an answer has an encoding that is not undone.
func isEncoded(header http.Header) bool {
	encoding := strings.TrimSpace(header.Get("Content-Encoding"))
	return encoding != "" && !strings.EqualFold(encoding, "identity") && gzipTimes(header) == 0
}

// gunzip undoes gzip, and passes anything else on as it is. It reads nothing before
// its first Read.
type gunzip struct {
	from *bufio.Reader
	to   io.Reader // nil before the first Read
}

var gzipMagic = []byte{0x1f, 0x8b}

func (g *gunzip) Read(p []byte) (n int, err error) {
	if g.to == nil {
		g.to = g.from
		if start, _ := g.from.Peek(len(gzipMagic)); bytes.Equal(start, gzipMagic) {
			if g.to, err = gzip.NewReader(g.from); err != nil {
				g.to = nil
				return 0, err
			}
		}
	}
	return g.to.Read(p)
}

// charsetOf is the encoding of text that is not UTF-8, nil if there is none to undo.
func charsetOf(contentType string) encoding.Encoding {
	media, params, err := mime.ParseMediaType(contentType)
	isText := strings.HasPrefix(media, "text/") || media == typeJSON || strings.HasSuffix(media, "+json")
	label := strings.ToLower(params["charset"])
	if err != nil || !isText || slices.Contains([]string{"", "utf-8", "utf8", "us-ascii", "ascii"}, label) {
		return nil
	}
	charset, err := htmlindex.Get(label)
	if err != nil {
		return nil
	}
	return charset
}
