// Package mediatype decides which media types and file name extensions from
// outside are passed on.
package mediatype

import (
	"mime"
	"net/url"
	"path"
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
	if len(declared) > maxMediaType || strings.ContainsFunc(declared, func(r rune) bool { return r < ' ' || r > '~' }) {
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

// maxExtension is the longest extension that is passed on, without its dot, in
// bytes.
const maxExtension = 10

// ExtOf returns the extension of the last segment of the URL's path: a dot, then
// lower-case letters and digits. It is empty if there is no such extension.
func ExtOf(u *url.URL) string {
	ext := strings.ToLower(path.Ext(path.Base(u.Path)))
	name := strings.TrimPrefix(ext, ".")
	if name == "" || len(name) > maxExtension || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return ""
	}
	return strings.Clone(ext) // or five bytes would hold on to the whole URL
}

// ExtOfURL is ExtOf of a URL that has not been parsed. It is empty if the URL
// cannot be parsed.
func ExtOfURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return ExtOf(u)
}
