package simulator

import (
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/job"
)

// InventedKinds are the first parts of IDs that Options.InventJobs makes jobs
// of: <kind>-<anything>. An ID that begins with failed-<type>, the type being
// one of the API's documented errors, fails with that.
func InventedKinds() []string {
	return []string{
		"file", "files", "text", "tables", "textboxes", "piiboxes", "properties",
		"form", "json", "binary", "delivered", "failed", "canceled",
	}
}

// invented makes a job of an ID that speaks for itself. It takes one to six
// seconds, depending on the ID.
func invented(id string) (Job, bool) {
	name, rest, found := strings.Cut(id, "-")
	if !found || rest == "" {
		return Job{}, false
	}
	j := Job{ID: id, Duration: time.Second + time.Duration(fingerprint(id)%5000)*time.Millisecond}
	switch name {
	case "failed":
		j.Outcome, j.Error = Failed, inventedError(rest)
		return j, true
	case "canceled":
		j.Outcome = Canceled
		return j, true
	}
	kind, ok := inventedKind(name)
	j.Kind = kind
	j.Files = inventedFiles(kind)
	return j, ok
}

// inventedError is the documented error that the rest of an ID begins with, or
// else one of them by chance.
func inventedError(rest string) JobError {
	errors := seedErrors()
	for _, e := range errors {
		if strings.HasPrefix(rest, e.Type) {
			return e
		}
	}
	return errors[fingerprint(rest)%uint64(len(errors))]
}

func inventedKind(name string) (job.Kind, bool) {
	for _, kind := range []job.Kind{
		job.KindFile, job.KindFiles, job.KindText, job.KindTables, job.KindTextBoxes, job.KindPIIBoxes,
		job.KindProperties, job.KindForm, job.KindJSON, job.KindBinary, job.KindDelivered,
	} {
		if strings.ToLower(string(kind)) == name {
			return kind, true
		}
	}
	return "", false
}

func inventedFiles(kind job.Kind) []File {
	switch kind {
	case job.KindFile, job.KindDelivered:
		return []File{PDFFile(3)}
	case job.KindFiles:
		return []File{PDFFile(1), PNGFile(), WordFile()}
	case job.KindBinary:
		return []File{PNGFile()}
	default:
		return nil
	}
}

// seedErrors are the errors that the API's OpenAPI document lists.
func seedErrors() []JobError {
	return []JobError{
		{Type: "BrokenDownloadURL", Title: "The document could not be downloaded"},
		{Type: "ConversionFailed", Title: "Conversion failed"},
		{Type: "PDFIsPasswordProtected", Title: "PDF is password protected"},
	}
}
