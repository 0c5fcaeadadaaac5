package download

import (
	"github.com/jobferry/jobferry/internal/fetch/answer"
	"github.com/jobferry/jobferry/internal/job"

	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// errRefused is the answer of a file host that does not accept the URL any more.
var errRefused = errors.New("the file host refuses the URL")

// errEndsHere is the answer of a file host that has nothing behind the offset. It
// does not wrap io.EOF, which a broken connection may end with too.
var errEndsHere = errors.New("the file ends here")

// otherFile is the error of an answer that does not go on with the same file.
type otherFile struct{ why string }

func (o *otherFile) Error() string { return o.why }

// position is how far a download is, and in which version of the file.
type position struct {
	offset  int64   // bytes that have been read
	total   int64   // -1 until it is known
	noEnd   bool    // nothing but the connection's end marks that of the body
	version version // as the first answer said
}

// accept judges the file host's answer to a request for the rest of the file. It
// returns nil if the answer goes on exactly at the offset, and errEndsHere if the
// file ends there.
func (p *position) accept(resp *http.Response) error {
	switch code := resp.StatusCode; code {
	case http.StatusOK:
		return p.acceptWhole(resp)
	case http.StatusPartialContent:
		return p.acceptRange(resp.Header)
	case http.StatusRequestedRangeNotSatisfiable:
		return p.acceptEnd(resp.Header)
	// S3 says 400 to a signature whose credentials have expired.
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%w with %d", errRefused, code)
	default:
		err := fmt.Errorf("the file host answers %d", code)
		if asked := answer.RetryAfter(resp.Header, nil); asked > 0 {
			return &job.Error{By: job.FileHost, RetryAfter: asked, Err: err}
		}
		return err
	}
}

// acceptWhole takes the file from its start. In the middle of a file that is of
// no use: either the host knows no ranges, or the file is another one.
func (p *position) acceptWhole(resp *http.Response) error {
	if p.offset > 0 {
		return &otherFile{"the file host starts again from the first byte"}
	}
	p.total = resp.ContentLength
	p.noEnd = resp.ContentLength < 0 && resp.ProtoMajor == 1 && len(resp.TransferEncoding) == 0
	p.version = versionOf(resp.Header)
	return nil
}

// acceptRange takes the rest of a file, if it is the rest of the same file. Where
// a host never says which file it is, the length alone tells: such a download
// could not be resumed otherwise. It is written down in docs/GUARANTEES.md.
func (p *position) acceptRange(h http.Header) error {
	start, end, total, ok := parseContentRange(h.Get("Content-Range"))
	if ok && p.offset == 0 && start == 0 && total >= 0 && end == total-1 { // the whole file, to a request without a range
		p.total, p.version = total, versionOf(h)
		return nil
	}
	switch {
	case !ok || start != p.offset:
		return &otherFile{"the file host sends another range than the one asked for"}
	case p.total >= 0 && total >= 0 && total != p.total:
		return &otherFile{"the file host now has a file of another size"}
	case p.version.validator() == "" && p.total < 0:
		return &otherFile{"nothing tells whether the file is still the same"}
	case p.version == version{} && versionOf(h) != version{}:
		return &otherFile{"the file host says only now which file it has"}
	case p.version.differs(versionOf(h)):
		return &otherFile{"the file host now has another file"}
	}
	if p.total < 0 {
		p.total = total
	}
	return nil
}

// acceptEnd hears that there is nothing at the offset. A file of unknown length
// may be whole then.
func (p *position) acceptEnd(h http.Header) error {
	total, err := strconv.ParseInt(strings.TrimPrefix(h.Get("Content-Range"), "bytes */"), 10, 64)
	if err == nil && p.total < 0 && p.version.validator() != "" && total == p.offset {
		return errEndsHere
	}
	return &otherFile{"the file host has no more"}
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
func parseContentRange(value string) (start, end, total int64, ok bool) {
	span, size, found := strings.Cut(strings.TrimPrefix(value, "bytes "), "/")
	first, last, dashed := strings.Cut(span, "-")
	start, startErr := strconv.ParseInt(first, 10, 64)
	end, endErr := strconv.ParseInt(last, 10, 64)
	if !found || !dashed || startErr != nil || endErr != nil || start < 0 || end < start {
		return 0, 0, 0, false
	}
	if size == "*" {
		return start, end, -1, true
	}
	total, err := strconv.ParseInt(size, 10, 64)
	return start, end, total, err == nil && end < total
}
