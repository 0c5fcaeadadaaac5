package mediatype

import (
	"errors"
	"mime"
	"net/url"
	"path"
	"strings"
)

// defaultExtension is for bytes that nothing better is known of.
const defaultExtension = ".bin"

// maxExtension is the longest extension, without its dot, in bytes.
const maxExtension = 10

// extensions is our own table: the operating system's tables differ, and a key
// must not depend on where the worker runs. application/octet-stream is left out
// on purpose, so that the URL's own extension has a say.
var extensions = map[string]string{
	"application/pdf":                ".pdf",
	"application/postscript":         ".ps",
	"application/rtf":                ".rtf",
	"text/rtf":                       ".rtf",
	"application/epub+zip":           ".epub",
	"application/vnd.ms-outlook":     ".msg",
	"message/rfc822":                 ".eml",
	"application/vnd.ms-xpsdocument": ".xps",
	"application/oxps":               ".oxps",

	"application/msword":            ".doc",
	"application/vnd.ms-excel":      ".xls",
	"application/vnd.ms-powerpoint": ".ppt",
	"application/vnd.visio":         ".vsd",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   ".docx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         ".xlsx",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",

	"application/vnd.oasis.opendocument.text":         ".odt",
	"application/vnd.oasis.opendocument.spreadsheet":  ".ods",
	"application/vnd.oasis.opendocument.presentation": ".odp",
	"application/vnd.oasis.opendocument.graphics":     ".odg",

	"image/png":                ".png",
	"image/jpeg":               ".jpg",
	"image/jpg":                ".jpg",
	"image/tiff":               ".tiff",
	"image/gif":                ".gif",
	"image/webp":               ".webp",
	"image/bmp":                ".bmp",
	"image/x-ms-bmp":           ".bmp",
	"image/svg+xml":            ".svg",
	"image/heic":               ".heic",
	"image/avif":               ".avif",
	"image/jp2":                ".jp2",
	"image/vnd.dwg":            ".dwg",
	"image/vnd.dxf":            ".dxf",
	"image/x-icon":             ".ico",
	"image/vnd.microsoft.icon": ".ico",

	"text/html":             ".html",
	"application/xhtml+xml": ".xhtml",
	"text/plain":            ".txt",
	"text/csv":              ".csv",
	"text/markdown":         ".md",
	"text/xml":              ".xml",
	"text/css":              ".css",
	"application/xml":       ".xml",
	"application/json":      ".json",
	"text/json":             ".json",
	"application/x-ndjson":  ".ndjson",
	"application/yaml":      ".yaml",

	"application/zip":              ".zip",
	"application/x-zip-compressed": ".zip",
	"application/gzip":             ".gz",
	"application/x-gzip":           ".gz",
	"application/x-tar":            ".tar",
	"application/x-7z-compressed":  ".7z",

	"audio/mpeg": ".mp3",
	"video/mp4":  ".mp4",
}

// Extension returns the extension of a key, with its dot: by the media type, else
// the suggested one, else .bin.
func Extension(contentType, suggested string) string {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err == nil || errors.Is(err, mime.ErrInvalidMediaParameter) {
		if known, ok := extensions[mediaType]; ok {
			return known
		}
	}
	if suggested = strings.ToLower(suggested); isExtension(suggested) {
		return suggested
	}
	return defaultExtension
}

// isExtension tells what passes for one: a dot, then letters and digits. A key
// in S3 gets nothing else from a URL.
func isExtension(ext string) bool {
	name, ok := strings.CutPrefix(ext, ".")
	return ok && name != "" && len(name) <= maxExtension && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// ExtOf returns the extension of the last segment of the URL's path: a dot, then
// lower-case letters and digits. It is empty if there is no such extension.
func ExtOf(u *url.URL) string {
	ext := strings.ToLower(path.Ext(path.Base(u.Path)))
	if !isExtension(ext) {
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
