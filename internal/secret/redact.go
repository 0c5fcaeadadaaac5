package secret

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how much of a text Printable reads, in bytes.
const maxText = 64 << 10

// Every text from outside that may be shown passes through here: signed URLs
// turn up in errors of every origin.
var (
	// userOfURL reaches to the last @ of the authority, as url.Parse does.
	userOfURL = regexp.MustCompile(`://[^\s/?#"<>]*@`)
	// A query ends where no URL goes on (RFC 3986). The apostrophe does not end
	// it: it is legal there, and filename*=UTF-8''a.pdf is what S3's own URLs
	// look like.
	queryOfURL  = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s?"<>]*)\?[^\s"<>]*`)
	queryOfPath = regexp.MustCompile(`([^\s?])\?[^\s?"<>]*[=&%][^\s"<>]*`)
	// encodedQuery is the query of a URL inside another one, or inside a parameter
	// of one. It may have been encoded more than once.
	encodedQuery = regexp.MustCompile(`(?i)%(?:25)*3F[^\s"<>]*(?:=|%(?:25)*3D)[^\s"<>]*`)
)

// The second line of defense: a parameter that is secret by its name is removed
// wherever it is, because quotes, brackets or white space may have torn a query.
// Its value ends at the next parameter, or at white space.
var (
	secretParameter = regexp.MustCompile(`(?i)(?:(?:x-amz-|x-goog-)?(?:signature|credential|(?:security-)?token|secret|password|api[_-]?key|accesskeyid)|` +
		`(?:\b|_|%(?:25)*[0-9A-F]{2})sig)(?:=|%(?:25)*3D|"\s*:\s*)[^\s&]*`)
	bearerToken = regexp.MustCompile(`(?i)\bbearer(?:\s|\+|%20)+([\w.~+/=-]{8,})`)
	// bearerProse is a word that follows in an API's own sentences about tokens.
	bearerProse = regexp.MustCompile(`(?i)^(?:authentication|authorization|credentials?)\W*$`)
)

// hidden stands for a secret parameter. It is one itself, so that what is left
// of its query is still told to be a query.
const hidden = "…=…"

// Redact removes from a text the user and the query string of every URL, and
// every parameter that is secret by its name. The secrets go first: a query that
// ends too early must not take the name of a secret and leave its value.
func Redact(text string) string {
	text = userOfURL.ReplaceAllString(text, "://")
	text = secretParameter.ReplaceAllLiteralString(text, hidden)
	text = cutBearer(text)
	text = queryOfURL.ReplaceAllString(text, "$1")
	text = queryOfPath.ReplaceAllString(text, "$1")
	return encodedQuery.ReplaceAllLiteralString(text, "")
}

// cutBearer removes what an Authorization header holds.
func cutBearer(text string) string {
	return bearerToken.ReplaceAllStringFunc(text, func(found string) string {
		token := bearerToken.FindStringSubmatch(found)[1]
		if bearerProse.MatchString(token) {
			return found
		}
		return strings.TrimSuffix(found, token) + "…"
	})
}

// Printable makes a text from outside fit to be shown: redacted, valid UTF-8 in
// one line without control characters, at most limit bytes. It reads no more than
// the first 64 KiB.
func Printable(text string, limit int) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = strings.TrimSpace(Redact(text))
	if len(text) <= limit {
		return text
	}
	cut := limit - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// RedactError returns err without the URL that net/http puts around it, and with
// its text redacted. errors.Is and errors.As find what they found before, but for
// the *url.Error.
func RedactError(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	text := err.Error()
	if clean := Redact(text); clean != text {
		return &redacted{text: clean, err: err}
	}
	return err
}

// redacted shows another text than the error that it wraps.
type redacted struct {
	text string
	err  error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.err }
