package fetch

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Whatever comes from outside and may be shown passes through here: signed
// URLs turn up in error texts of every origin.
var (
	queryOfURL  = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s?"'<>]*)\?[^\s"'<>]*`)
	queryOfPath = regexp.MustCompile(`([^\s?])\?[^\s?"'<>]*[=&%][^\s"'<>]*`)
	userOfURL   = regexp.MustCompile(`://[^\s/?#"'<>@]*@`)
)

// cutQueries removes the query string of every URL in a text, and its user.
func cutQueries(text string) string {
	text = userOfURL.ReplaceAllString(text, "://")
	text = queryOfURL.ReplaceAllString(text, "$1")
	return queryOfPath.ReplaceAllString(text, "$1")
}

// printable makes a text of the API fit to be shown: without query strings and
// control characters, at most limit bytes.
func printable(text string, limit int) string {
	if len(text) > memberLimit {
		text = text[:memberLimit]
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
	text = strings.TrimSpace(cutQueries(text))
	if len(text) <= limit {
		return text
	}
	cut := limit - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// cleanError returns err without the URL that net/http puts around it, and
// with the query strings cut from its text.
func cleanError(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	text := err.Error()
	if clean := cutQueries(text); clean != text {
		return &redacted{text: clean, err: err}
	}
	return err
}

// redacted shows another text than the error it wraps, which can still be told
// by errors.Is.
type redacted struct {
	text string
	err  error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.err }
