package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// errEndsHere is the file host's word that there is nothing behind the offset. It
// is no io.EOF, which a broken connection may end with too.
var errEndsHere = errors.New("the file ends here")

// accept judges the file host's answer to a try: nil if it goes on exactly at
// the offset, errEndsHere if it says that the file ends there.
func (d *download) accept(r *response) error {
	switch code := r.StatusCode; code {
	case http.StatusOK:
		return d.acceptWhole(r)
	case http.StatusPartialContent:
		return d.acceptRange(r)
	case http.StatusRequestedRangeNotSatisfiable:
		return d.acceptEnd(r)
	// S3 says 400 to a signature whose credentials have expired.
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%w with %d", errRefused, code)
	default:
		return fmt.Errorf("the file host answers %d", code)
	}
}

// acceptWhole takes the file from its start. In the middle of a file that is
// of no use: either the host knows no ranges, or the file is another one.
func (d *download) acceptWhole(r *response) error {
	if d.offset > 0 {
		return d.stuck("the file host starts again from the first byte")
	}
	d.total = r.ContentLength
	d.version = versionOf(r.Header)
	return nil
}

// acceptRange takes the rest of a file, if it is the rest of the same file. Where
// a host never says which file it is, the length alone tells: such a download
// could not be resumed otherwise. It is written down in docs/GUARANTEES.md.
func (d *download) acceptRange(r *response) error {
	start, total, ok := parseContentRange(r.Header.Get("Content-Range"))
	switch {
	case !ok || start != d.offset:
		return d.stuck("the file host sends another range than the one asked for")
	case d.total >= 0 && total >= 0 && total != d.total:
		return d.stuck("the file host now has a file of another size")
	case d.version.validator() == "" && d.total < 0:
		return d.stuck("nothing tells whether the file is still the same")
	case d.version == version{} && versionOf(r.Header) != version{}:
		return d.stuck("the file host says only now which file it has")
	case d.version.differs(versionOf(r.Header)):
		return d.stuck("the file host now has another file")
	}
	if d.total < 0 {
		d.total = total
	}
	return nil
}

// acceptEnd hears that there is nothing at the offset. Of a file whose length
// nobody had said, that may mean that it is whole.
func (d *download) acceptEnd(r *response) error {
	total, err := strconv.ParseInt(strings.TrimPrefix(r.Header.Get("Content-Range"), "bytes */"), 10, 64)
	if err == nil && d.total < 0 && d.version.validator() != "" && total == d.offset {
		return errEndsHere
	}
	return d.stuck("the file host has no more")
}

// version is what an answer says by which a file is told from another one.
type version struct{ etag, modified string }

func versionOf(h http.Header) version {
	return version{etag: h.Get("ETag"), modified: h.Get("Last-Modified")}
}

// validator is what goes into If-Range (RFC 9110, section 13.1.5): a strong ETag,
// or else the time of the file's last change.
func (v version) validator() string {
	if v.etag != "" && !strings.HasPrefix(v.etag, "W/") {
		return v.etag
	}
	return v.modified
}

// differs reports whether a later answer is about another file: not every host
// honors If-Range. A weak ETag cannot vouch for the bytes, but two that differ
// tell files apart. What one of the two answers leaves out tells nothing.
func (v version) differs(later version) bool {
	if v.etag != "" && later.etag != "" {
		return v.etag != later.etag
	}
	return v.modified != "" && later.modified != "" && v.modified != later.modified
}

// parseContentRange reads "bytes 5-9/10" or "bytes 5-9/*"; the total is -1 for
// the latter.
func parseContentRange(value string) (start, total int64, ok bool) {
	span, size, found := strings.Cut(strings.TrimPrefix(value, "bytes "), "/")
	first, last, dashed := strings.Cut(span, "-")
	start, startErr := strconv.ParseInt(first, 10, 64)
	end, endErr := strconv.ParseInt(last, 10, 64)
	if !found || !dashed || startErr != nil || endErr != nil || start < 0 || end < start {
		return 0, 0, false
	}
	if size == "*" {
		return start, -1, true
	}
	total, err := strconv.ParseInt(size, 10, 64)
	return start, total, err == nil && end < total
}
