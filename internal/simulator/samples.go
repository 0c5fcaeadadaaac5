package simulator

import (
	"time"

	"github.com/jobferry/jobferry/internal/job"
)

// Sample is a job to show the worker with.
type Sample struct {
	Job   Job
	About string // in a few words, for people
	// Deadline is what its submission should name, counted from there; 0 for
	// none of its own.
	Deadline time.Duration
	Want     Expectation
}

// largePDF is the size of the large sample.
const largePDF = 64 << 20

// shortDeadline is for the samples that settle by their deadline alone.
const shortDeadline = 8 * time.Second

// Samples are jobs of every kind and every end, all done within about twelve
// seconds. The run becomes part of their IDs, so that a broker that keeps its
// events takes them anew: 1 to 100 characters of a job ID. But for the two
// that wait for their deadline, each ID also speaks for itself as
// [Options].InventJobs reads it.
func Samples(run string) []Sample {
	samples := append(fileSamples(), payloadSamples()...)
	samples = append(samples, failedSamples()...)
	for i := range samples {
		s := &samples[i]
		s.Job.ID += "-" + run
		s.Want = s.Job.Expect()
	}
	return samples
}

func fileSamples() []Sample {
	return []Sample{
		{
			Job:   Job{ID: "file-pdf", Kind: job.KindFile, Files: []File{PDFFile(3)}},
			About: "one PDF, finished at once",
		},
		{
			Job: Job{
				ID: "files-mixed", Kind: job.KindFiles, Duration: 2 * time.Second,
				Files: []File{PDFFile(1), PDFFile(2), PNGFile(), WordFile(), ExcelFile()},
			},
			About: "five files",
		},
		{
			Job: Job{
				ID: "file-chunked", Kind: job.KindFile, Duration: 3 * time.Second,
				Files: []File{{Name: "export.csv", ContentType: "text/csv", Size: 1 << 20, Chunked: true, OmitSize: true}},
			},
			About: "one file of no stated length",
		},
		{
			Job: Job{
				ID: "file-64mib", Kind: job.KindFile, Duration: 6 * time.Second,
				Files: []File{LargePDFFile(5, largePDF)},
			},
			About: "one PDF of 64 MiB",
		},
		{
			Job:   Job{ID: "delivered", Kind: job.KindDelivered, Duration: 4 * time.Second, Files: []File{PDFFile(3)}},
			About: "one file, delivered elsewhere",
		},
		{
			Job:   Job{ID: "binary-png", Kind: job.KindBinary, Duration: 5 * time.Second, Files: []File{PNGFile()}},
			About: "a picture as the answer itself",
		},
	}
}

func payloadSamples() []Sample {
	return []Sample{
		{Job: Job{ID: "text", Kind: job.KindText, Duration: time.Second}, About: "extracted text"},
		{Job: Job{ID: "tables", Kind: job.KindTables, Duration: 2 * time.Second}, About: "extracted tables"},
		{
			Job:   Job{ID: "textboxes", Kind: job.KindTextBoxes, Duration: 3 * time.Second, PayloadSize: 8 << 20},
			About: "8 MiB of text boxes",
		},
		{Job: Job{ID: "piiboxes", Kind: job.KindPIIBoxes, Duration: 4 * time.Second}, About: "personal data"},
		{Job: Job{ID: "properties", Kind: job.KindProperties}, About: "document properties"},
		{
			Job:   Job{ID: "form", Kind: job.KindForm, Duration: 5 * time.Second, ResultFirst: true},
			About: "form fields, the result before the status",
		},
		{
			Job:   Job{ID: "json-unknown", Kind: job.KindJSON, Duration: 12 * time.Second},
			About: "an object of no known type, after twelve seconds",
		},
	}
}

func failedSamples() []Sample {
	var samples []Sample
	for i, e := range seedErrors() {
		samples = append(samples, Sample{
			Job:   Job{ID: "failed-" + e.Type, Outcome: Failed, Error: e, Duration: time.Duration(i+1) * time.Second},
			About: "failed: " + e.Title,
		})
	}
	return append(samples,
		Sample{
			Job: Job{
				ID: "failed-PageLimitReached", Outcome: Failed, Duration: 4 * time.Second, ErrorAtTop: true,
				Error: JobError{Type: "PageLimitReached", Title: "The document has too many pages"},
			},
			About: "failed with an error beyond the documented ones",
		},
		Sample{
			Job:   Job{ID: "canceled", Outcome: Canceled, Duration: 2 * time.Second},
			About: "canceled",
		},
		Sample{
			Job:      Job{ID: "unknown", Outcome: Unknown},
			About:    "never known to the API: given up at its deadline",
			Deadline: shortDeadline,
		},
		Sample{
			Job:      Job{ID: "endless", Duration: Forever},
			About:    "never ends: given up at its deadline",
			Deadline: shortDeadline,
		},
	)
}
