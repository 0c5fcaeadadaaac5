package sink

import (
	"errors"
	"mime"
	"regexp"
	"strings"
)

const (
	// octetStream is the media type of bytes that nothing better is known of.
	octetStream = "application/octet-stream"

	defaultExt = ".bin"
	// maxContentType is far above any real media type, in bytes.
	maxContentType = 255
)

var (
	// safeExt is what an extension of foreign origin may look like in a key.
	safeExt = regexp.MustCompile(`^\.[A-Za-z0-9]{1,16}$`)
	// mediaTypeForm is type/subtype in the tokens of RFC 6838, section 4.2.
	mediaTypeForm = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$`)
)

// extensionOf is our own table: the operating system's tables differ, and a
// key must not depend on where the worker runs. application/octet-stream is
// left out on purpose, so that the URL's own extension has a say.
func extensionOf(mediaType string) (ext string, known bool) {
	ext, known = extensions[mediaType]
	return ext, known
}

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

// ext chooses the extension of a key: by the media type, else what the source
// suggests, else .bin.
func ext(contentType, suggested string) string {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err == nil || errors.Is(err, mime.ErrInvalidMediaParameter) {
		if known, ok := extensionOf(mediaType); ok {
			return known
		}
	}
	if safeExt.MatchString(suggested) {
		return suggested
	}
	return defaultExt
}

// storedContentType is what an object is stored with: the content type as it
// was given, without its parameters when these are no good, and the type of
// mere bytes when it is none at all.
func storedContentType(given string) string {
	mediaType, _, err := mime.ParseMediaType(given)
	_, known := extensionOf(mediaType)
	switch {
	case !known && !mediaTypeForm.MatchString(mediaType):
		return octetStream
	case err != nil || len(given) > maxContentType || !isPrintable(given):
		return mediaType
	default:
		return strings.TrimSpace(given)
	}
}

func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
