package mediatype

import (
	"mime"
	"net/url"
	"path"
	"strings"
)

// unknown is the media type of any bytes.
const unknown = "application/octet-stream"

// maxMediaType is the longest media type that is passed on, in bytes.
const maxMediaType = 256

// Declared returns a media type as it was declared if it is one, and nothing if
// it is not, so that nothing else gets into the store's headers.
func Declared(declared string) string {
	declared = strings.TrimSpace(declared)
	if len(declared) > maxMediaType {
		return ""
	}
	for i := range len(declared) {
		if declared[i] < ' ' || declared[i] > '~' {
			return ""
		}
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

// maxExtension is the longest extension, without its dot, in bytes.
const maxExtension = 10

// isExtension tells what passes for one: a dot, then letters and digits. A key
// in S3 gets nothing else from a URL.
func isExtension(ext string) bool {
	name, ok := strings.CutPrefix(ext, ".")
	return ok && name != "" && len(name) <= maxExtension && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// ExtOf returns the extension of the last segment of the URL's path.
func ExtOf(u *url.URL) string {
	ext := strings.ToLower(path.Ext(path.Base(u.Path)))
	if !isExtension(ext) {
		return ""
	}
	return strings.Clone(ext) // or five bytes would hold on to the whole URL
}

// ExtOfURL is ExtOf of a URL that has not been looked at yet; one that cannot be
// read has none, and is refused when it is to be fetched.
func ExtOfURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return ExtOf(u)
}
