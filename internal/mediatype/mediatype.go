// Package mediatype decides which media types and file name extensions from
// outside are passed on, and which extension a media type has.
package mediatype

import (
	"mime"
	"regexp"
	"strings"
)

// unknown is the media type of any bytes.
const unknown = "application/octet-stream"

// maxMediaType is the longest media type that is passed on, in bytes. It is far
// above any real one.
const maxMediaType = 255

// Declared returns a media type as it was declared, or nothing if it is not one,
// so that nothing else gets into the store's headers.
func Declared(declared string) string {
	declared = strings.TrimSpace(declared)
	if len(declared) > maxMediaType || !isPrintable(declared) {
		return ""
	}
	if media, _, err := mime.ParseMediaType(declared); err != nil || !strings.Contains(media, "/") {
		return ""
	}
	return declared
}

// First returns the first that is a media type, or that of any bytes.
func First(declared ...string) string {
	for _, d := range declared {
		if d = Declared(d); d != "" {
			return d
		}
	}
	return unknown
}

// IsDocument reports whether a media type is one that a conversion of documents
// makes, as bytes and not as text: PDF, images, Office, archives, or any bytes.
func IsDocument(contentType string) bool {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	_, known := extensions[mediaType]
	textual := strings.HasPrefix(mediaType, "text/") || strings.HasSuffix(mediaType, "json") || strings.HasSuffix(mediaType, "xml") && mediaType != "image/svg+xml"
	return mediaType == unknown || strings.HasPrefix(mediaType, "image/") || known && !textual
}

// IsBytes reports whether a file of a media type never begins as text does: with a
// bracket, a brace or a tag.
func IsBytes(contentType string) bool {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	return IsDocument(contentType) && mediaType != unknown && mediaType != "image/svg+xml" && !strings.HasSuffix(mediaType, "/rtf") && mediaType != "application/postscript"
}

// form is type/subtype in the tokens of RFC 6838, section 4.2.
var form = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$`)

// Stored is the content type to store an object with: the given one, without its
// parameters where these are wrong, and that of any bytes where it is no media
// type.
func Stored(given string) string {
	mediaType, _, err := mime.ParseMediaType(given)
	switch {
	case !form.MatchString(mediaType):
		return unknown
	case err != nil || len(given) > maxMediaType || !isPrintable(given):
		return mediaType
	default:
		return strings.TrimSpace(given)
	}
}

func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
