package simulator

import (
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"time"
)

// storeError is an S3 error document.
type storeError struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	RequestID string `xml:"RequestId"`
}

// errExpired is what S3 says of a signed URL that is too old.
var errExpired = storeError{Code: "AccessDenied", Message: "Request has expired"}

func (e storeError) send(w http.ResponseWriter, status int) {
	e.RequestID = "SIMULATED0000000"
	body, err := xml.Marshal(e)
	if err != nil { // not with two strings
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, xml.Header+string(body))
}

// modified is the Last-Modified of every file: a fixed time long past, so that
// it is a strong validator.
var modified = time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)

// serveFile is the file host: one signed URL a file, as S3 serves them.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("jobID")
	index, err := strconv.Atoi(r.PathValue("index"))
	if err != nil {
		index = -1
	}
	done := s.record.download(id, index, r)
	counted := &countingWriter{ResponseWriter: w}
	defer func() { done(counted.sent) }()
	s.answerFile(counted, r, id, index)
}

func (s *Server) answerFile(w *countingWriter, r *http.Request, id string, index int) {
	if r.Header.Get("Authorization") != "" {
		storeError{
			Code:    "InvalidArgument",
			Message: "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
		}.send(w, http.StatusBadRequest)
		return
	}
	if bad := s.signer.check(r.URL); bad.Code != "" {
		if bad == errExpired {
			w.expired++
		}
		bad.send(w, http.StatusForbidden)
		return
	}
	state := s.jobs.served(id, index)
	if state == nil {
		storeError{Code: "NoSuchKey", Message: "The specified key does not exist."}.send(w, http.StatusNotFound)
		return
	}
	state.next().serve(w, r)
}

// serve answers one request for a file that is there.
func (d download) serve(w *countingWriter, r *http.Request) {
	switch {
	case d.expired:
		w.expired++
		errExpired.send(w, http.StatusForbidden)
	case d.broken != 0:
		w.unavailable++
		storeError{Code: "ServiceUnavailable", Message: "Reduce your request rate."}.send(w, d.broken)
	case d.redirect != "":
		http.Redirect(w, r, d.redirect, http.StatusFound)
	default:
		d.serveContent(w, r)
	}
}

func (d download) serveContent(w *countingWriter, r *http.Request) {
	header := w.Header()
	d.setType(header)
	if d.file.ContentEncoding != "" {
		header.Set("Content-Encoding", d.file.ContentEncoding)
	}
	last := modified
	if d.file.Faults.NoETag {
		last = time.Time{}
	} else {
		header.Set("ETag", d.etag)
		header.Set("Last-Modified", last.Format(http.TimeFormat))
	}
	flush := func() { _ = http.NewResponseController(w).Flush() }
	reader := newFaultyReader(r.Context(), d, flush, &w.sent)
	whole := d.file.Faults.NoRange || d.file.Chunked && r.Header.Get("Range") == ""
	if whole {
		d.serveWhole(w, reader)
	} else {
		http.ServeContent(w, r, "", last, reader)
	}
	if reader.broken {
		flush() // all that came before the fault
		panic(http.ErrAbortHandler)
	}
}

func (d download) setType(header http.Header) {
	switch {
	case d.file.DownloadType != "":
		header.Set("Content-Type", d.file.DownloadType)
	case d.file.NoContentType:
		header["Content-Type"] = nil // net/http would guess one
	default:
		header.Set("Content-Type", d.file.ContentType)
	}
}

// serveWhole sends the file from the beginning, whatever range is asked for.
func (d download) serveWhole(w http.ResponseWriter, from io.Reader) {
	header := w.Header()
	header.Set("Accept-Ranges", "bytes")
	if d.file.Faults.NoRange {
		header.Set("Accept-Ranges", "none")
	}
	if !d.file.Chunked {
		header.Set("Content-Length", strconv.FormatInt(d.file.Size, 10))
	}
	w.WriteHeader(http.StatusOK)
	if d.file.Chunked {
		_ = http.NewResponseController(w).Flush() // or a short file would get a length
	}
	_, _ = io.Copy(w, from) // a client that goes away has its reasons
}

// sent is what became of one request.
type sent struct {
	status int
	bytes  int64
	// What went wrong, and how often.
	expired, unavailable, cuts, stalls int
}

// countingWriter notes what is sent.
type countingWriter struct {
	http.ResponseWriter
	sent
}

func (c *countingWriter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *countingWriter) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController through.
func (c *countingWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
