package plan

import (
	"math/rand/v2"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

const (
	// minDeadline and maxDeadline are for jobs that nothing else ends.
	minDeadline = 3 * time.Second
	maxDeadline = 15 * time.Second

	// anyDuration is a duration that the shape does not care about.
	anyDuration = -1
)

// shape makes a job of one sort.
type shape func(random *rand.Rand) simulator.Job

// endless reports whether only its deadline ends the job.
func (s Submission) endless() bool {
	return s.Job.Outcome == simulator.Unknown || s.Job.Duration == simulator.Forever
}

// cheapShapes are all sorts of small jobs: every kind of result and every end.
func cheapShapes() []shape {
	var shapes []shape
	for _, faults := range downloadFaults() {
		shapes = append(shapes, oneFile(faults), severalFiles(faults))
	}
	for _, faults := range []faultMaker{noFault, cutOnce, truncated, stalled, expired, unavailable} {
		shapes = append(shapes, chunked(maxSmall, faults))
	}
	for _, kind := range []job.Kind{
		job.KindText, job.KindTables, job.KindTextBoxes, job.KindPIIBoxes, job.KindProperties, job.KindForm, job.KindJSON,
	} {
		shapes = append(shapes, payload(kind, maxSmall))
	}
	return append(append(shapes, endings()...), delivered, binary, untyped, repolled)
}

// costlyShapes are those that move many bytes.
func costlyShapes() []shape {
	return []shape{
		medium, medium, medium, medium, medium, medium, medium, medium,
		chunked(maxMedium, cutOnce), payload(job.KindText, maxMedium), payload(job.KindTextBoxes, maxMedium),
		large(false, cutOften), large(true, cutOnce),
	}
}

func oneFile(faults faultMaker) shape {
	return func(random *rand.Rand) simulator.Job {
		return simulator.Job{Kind: job.KindFile, Duration: anyDuration, Files: []simulator.File{smallFile(random, faults)}}
	}
}

// severalFiles are two to five, of which the first has the faults.
func severalFiles(faults faultMaker) shape {
	return func(random *rand.Rand) simulator.Job {
		files := []simulator.File{smallFile(random, faults)}
		for range 1 + random.IntN(4) {
			files = append(files, smallFile(random, noFault))
		}
		return simulator.Job{Kind: job.KindFiles, Duration: anyDuration, Files: files}
	}
}

func payload(kind job.Kind, largest int64) shape {
	return func(random *rand.Rand) simulator.Job {
		return simulator.Job{
			Kind: kind, Duration: anyDuration, PayloadSize: size(random, 1, largest),
			ResultFirst: random.IntN(2) == 0, Chunked: random.IntN(2) == 0,
		}
	}
}

// endings are the jobs without a result.
func endings() []shape {
	shapes := []shape{
		func(*rand.Rand) simulator.Job {
			return simulator.Job{Outcome: simulator.Canceled, Duration: anyDuration}
		},
		func(*rand.Rand) simulator.Job { return simulator.Job{Outcome: simulator.Unknown} },
		func(*rand.Rand) simulator.Job { return simulator.Job{Duration: simulator.Forever} },
	}
	for _, e := range []simulator.JobError{
		{Type: "BrokenDownloadURL", Title: "Broken download URL"},
		{Type: "ConversionFailed", Title: "Conversion failed"},
		{Type: "PDFIsPasswordProtected", Title: "The PDF is password protected"},
		{Type: "PageLimitReached", Title: "The document has too many pages"}, // not documented
	} {
		shapes = append(shapes, func(random *rand.Rand) simulator.Job {
			return simulator.Job{Outcome: simulator.Failed, Error: e, ErrorAtTop: random.IntN(2) == 0, Duration: anyDuration}
		})
	}
	return shapes
}

func delivered(random *rand.Rand) simulator.Job {
	return simulator.Job{Kind: job.KindDelivered, Duration: anyDuration, Files: []simulator.File{smallFile(random, noFault)}}
}

// binary is one whose answer is the file itself: of a type that is no JSON.
func binary(random *rand.Rand) simulator.Job {
	f := smallFile(random, noFault)
	f.Name, f.ContentType = "result.png", "image/png"
	return simulator.Job{Kind: job.KindBinary, Duration: anyDuration, Chunked: random.IntN(2) == 0, Files: []simulator.File{f}}
}

// chunked is a file of unknown length.
func chunked(largest int64, faults faultMaker) shape {
	return func(random *rand.Rand) simulator.Job {
		f := simulator.File{Name: "export.csv", ContentType: "text/csv", Size: size(random, largest/8, largest), Chunked: true, OmitSize: true}
		f.Faults = faults(random, f.Size)
		return simulator.Job{Kind: job.KindFile, Duration: anyDuration, Files: []simulator.File{f}}
	}
}

// untyped is a file of which only its download tells the type.
func untyped(random *rand.Rand) simulator.Job {
	f := smallFile(random, noFault)
	f.NoContentType, f.DownloadType = true, f.ContentType
	return simulator.Job{Kind: job.KindFile, Duration: anyDuration, Files: []simulator.File{f}}
}

// repolled is a job that is done after a number of polls rather than a time.
func repolled(random *rand.Rand) simulator.Job {
	return simulator.Job{Kind: job.KindFile, Polls: 1 + random.IntN(3), Files: []simulator.File{smallFile(random, noFault)}}
}

func medium(random *rand.Rand) simulator.Job {
	f := simulator.File{Name: "scan.pdf", ContentType: "application/pdf", Size: size(random, maxMedium/8, maxMedium)}
	f.Faults = cutOften(random, f.Size)
	return simulator.Job{Kind: job.KindFile, Duration: anyDuration, Files: []simulator.File{f}}
}

// large is a file that needs a multipart upload of several parts.
func large(chunked bool, faults faultMaker) shape {
	return func(random *rand.Rand) simulator.Job {
		f := simulator.File{Name: "scans.zip", ContentType: "application/zip", Size: size(random, minLarge, maxLarge), Chunked: chunked, OmitSize: chunked}
		f.Faults = faults(random, f.Size)
		return simulator.Job{Kind: job.KindFile, Duration: anyDuration, Files: []simulator.File{f}}
	}
}
