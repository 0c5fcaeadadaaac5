package mediatype

import (
	"net/http"
	"strings"
)

// maxEncoding is how long a Content-Encoding may be, in bytes.
const maxEncoding = 100

// ContentEncoding is the Content-Encoding that a header names, in lower case, or
// nothing. aws-chunked is the framing of one request to S3: some stores hand it out
// as if it were of the object.
func ContentEncoding(header http.Header) string {
	var encodings []string
	for name := range strings.SplitSeq(strings.Join(header.Values("Content-Encoding"), ","), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case name == "", name == "identity", name == "aws-chunked":
		case !isToken(name):
			return ""
		default:
			encodings = append(encodings, name)
		}
	}
	encoding := strings.Join(encodings, ", ")
	if len(encoding) > maxEncoding {
		return ""
	}
	return encoding
}

// isToken reports whether a name is a token of RFC 9110, section 5.6.2, as far as
// encodings have such names.
func isToken(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.+") == ""
}
