package fetch

import (
	"mime"
	"net/url"
	"path"
	"strings"

	"github.com/jobferry/jobferry/internal/job"
)

// description is what a source says about itself before it is read.
type description struct {
	size        int64
	contentType string
	ext         string
	kind        job.Kind
}

// Size is the exact number of bytes, or -1 when it is not known.
func (d *description) Size() int64 { return d.size }

// ContentType is the media type, never empty.
func (d *description) ContentType() string { return d.contentType }

// Ext is the extension that the URL's path has, with its dot, or empty.
func (d *description) Ext() string { return d.ext }

// Kind is the kind of a payload.
func (d *description) Kind() job.Kind { return d.kind }

// maxMediaType is the longest media type that is passed on, in bytes.
const maxMediaType = 256

// mediaTypeOrNone returns a media type as it was declared if it is one, so
// that nothing else gets into the store's headers.
func mediaTypeOrNone(declared string) string {
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

// mediaType returns the first that is a media type, or that of any bytes.
func mediaType(declared ...string) string {
	for _, d := range declared {
		if d = mediaTypeOrNone(d); d != "" {
			return d
		}
	}
	return typeUnknown
}

// maxExtension is the longest extension, without its dot, in bytes.
const maxExtension = 10

// isExtension tells what passes for one: a dot, then letters and digits. A key
// in S3 gets nothing else from a URL.
func isExtension(ext string) bool {
	name, ok := strings.CutPrefix(ext, ".")
	if !ok || name == "" || len(name) > maxExtension {
		return false
	}
	for _, c := range []byte(name) {
		if !isDigit(c) && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// extOf returns the extension of the last segment of the URL's path.
func extOf(u *url.URL) string {
	ext := strings.ToLower(path.Ext(path.Base(u.Path)))
	if !isExtension(ext) {
		return ""
	}
	return strings.Clone(ext) // lest five bytes hold on to the whole URL
}

// extOfURL is extOf of a URL that has not been looked at yet; one that cannot be
// read has none, and is refused when it is to be fetched.
func extOfURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return extOf(u)
}
