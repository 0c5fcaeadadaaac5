package answer

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/mediatype"
	"github.com/jobferry/jobferry/internal/secret"
)

// The limits of a result of files. A signed URL has one or two KiB; what all
// URLs may take is limited by memoryBudget.
const (
	maxFiles     = 100_000
	maxFileBytes = 64 << 10 // of the JSON of one file
	// fileBytes is about what a file takes beside its URL and type: its place in
	// the list, which may just have been moved, and what holds the URL.
	fileBytes = 320
)

// fileInfo is FileInfo of the OpenAPI. Only the URL must be as it should be:
// the rest is good to know, and no reason to lose a file. Where the metadata are
// named twice, what either says counts.
type fileInfo struct {
	URL         json.RawMessage `json:"URL"`
	ContentType json.RawMessage `json:"contentType"`
	Metadata    struct {
		FileSizeBytes json.RawMessage `json:"fileSizeBytes"`
		PageCount     json.RawMessage `json:"pageCount"`
	} `json:"metadata"`
}

// filesReader collects the files of a result, one at a time, so that the
// length of the list does not matter.
type filesReader struct {
	in     *jsonstream.Reader
	memory *reservation // for the list
	seen   int          // files that have been read
	result result
}

// readFiles reads a result that names file or files. What is wrong with its
// shape is noted in the result; an error is about the JSON, or says that there is
// no room for the list.
func readFiles(in *jsonstream.Reader, memory *reservation) (result, error) {
	f := &filesReader{in: in, memory: memory}
	if err := in.BeginObject(); err != nil {
		return result{}, err
	}
	for {
		name, more, err := in.NextMember()
		if err != nil {
			return result{}, err
		}
		if !more {
			return f.conclude(), nil
		}
		if err := f.member(name); err != nil {
			return result{}, err
		}
	}
}

// member reads a member of the result. Others than file and files are allowed,
// as everywhere in the API's answers.
func (f *filesReader) member(name string) error {
	if name != "file" && name != "files" {
		return f.in.Skip()
	}
	first, err := f.in.Peek()
	if err != nil {
		return err
	}
	if first == 'n' { // null counts as absent
		return f.in.Skip()
	}
	if f.result.kind != "" {
		f.fail(invalid("the result names its files more than once"))
	}
	f.result.kind = job.Kind(name)
	if name == "file" {
		return f.readFile()
	}
	if first != '[' {
		f.fail(invalid("the result's files are not a list"))
		return f.in.Skip()
	}
	return f.readList()
}

// readList reads the elements of files one by one.
func (f *filesReader) readList() error {
	if err := f.in.BeginArray(); err != nil {
		return err
	}
	for {
		more, err := f.in.NextElement()
		if err != nil || !more {
			return err
		}
		if err := f.readFile(); err != nil {
			return err
		}
	}
}

// readFile reads one FileInfo. Once something is wrong, the others are only
// checked to be JSON.
func (f *filesReader) readFile() error {
	if f.result.failure != nil {
		return f.in.Skip()
	}
	raw, whole, err := f.in.Capture(maxFileBytes)
	if err != nil {
		return err
	}
	f.seen++
	switch {
	case !whole:
		f.fail(invalid("the description of file %d has more than %d bytes", f.seen, maxFileBytes))
		return nil
	case f.seen > maxFiles:
		f.fail(job.Fail(job.ReasonResultTooLarge, "the result has more than %d files", maxFiles))
		return nil
	}
	file, failure := parseFile(raw, f.seen)
	if failure != nil {
		f.fail(failure)
		return nil
	}
	return f.keep(file)
}

// keep adds a file to the list, if there is room for it.
func (f *filesReader) keep(file job.File) error {
	err := f.memory.grow(int64(fileBytes + len(file.URL.Reveal()) + len(file.ContentType)))
	switch {
	case err == nil:
		f.result.files = append(f.result.files, file)
	case job.IsPermanent(err):
		f.fail(err)
	default:
		return err
	}
	return nil
}

// fail notes the failure and releases the files: they will not be fetched.
func (f *filesReader) fail(failure error) {
	f.result.failure, f.result.files = failure, nil
	f.memory.release()
}

// conclude names the kind. An empty list is a result of no files, which a split
// or an extraction may well have.
func (f *filesReader) conclude() result {
	if f.result.kind == "" && f.result.failure == nil {
		f.fail(notReady(job.Answer{}, "the job is completed and its file is null"))
	}
	delivered := len(f.result.files) > 0
	for _, file := range f.result.files {
		delivered = delivered && file.URL.IsZero()
	}
	if delivered {
		f.result.kind = job.KindDelivered
	}
	return f.result
}

// parseFile reads the n-th file. A URL that is null means that the API has
// delivered the file itself.
func parseFile(raw []byte, n int) (job.File, error) {
	if raw[0] != '{' {
		return job.File{}, invalid("file %d of the result is not an object", n)
	}
	var info fileInfo
	_ = json.Unmarshal(raw, &info) // it fails only for metadata that are not an object
	file := job.File{ContentType: mediatype.Declared(text(info.ContentType))}
	if size, ok := count(info.Metadata.FileSizeBytes, math.MaxInt64/2); ok {
		file.DeclaredSize = &size
	}
	if pages, ok := count(info.Metadata.PageCount, math.MaxInt32); ok {
		file.PageCount = new(int(pages))
	}
	if string(info.URL) == "null" {
		return file, nil
	}
	url := text(info.URL)
	switch {
	case url == "" && (len(info.URL) == 0 || string(info.URL) == `""`):
		return job.File{}, notReady(job.Answer{}, "the job is completed and file %d of its result has no URL", n)
	case url == "":
		return job.File{}, invalid("the URL of file %d of the result is not a text", n)
	}
	file.URL, file.Ext = secret.New(url), mediatype.ExtOfURL(url)
	return file, nil
}

// count reads a number that counts something: the OpenAPI's type is number,
// so 3.0 and 1e5 are good.
func count(raw json.RawMessage, largest float64) (int64, bool) {
	n, err := strconv.ParseFloat(string(raw), 64) // of JSON it takes numbers alone
	if err != nil || n < 0 || n > largest || n != math.Trunc(n) {
		return 0, false
	}
	return int64(n), true
}
