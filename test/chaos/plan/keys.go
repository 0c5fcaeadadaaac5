package plan

import (
	"cmp"
	"fmt"
	"path"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

// Keys are those of the objects that the job has to leave in the bucket, in
// the API's order. They follow the table of the README anew; a worker with
// S3_PREFIX puts that before.
func (s Submission) Keys() []string {
	outcome := cmp.Or(s.Job.Outcome, simulator.Completed)
	if outcome != simulator.Completed || s.endless() {
		return nil
	}
	base := s.Prefix + s.Job.ID + "/result"
	switch s.Job.Kind {
	case job.KindFile, job.KindBinary:
		return []string{base + extension(s.Job.Files[0])}
	case job.KindFiles:
		keys := make([]string, len(s.Job.Files))
		for i, f := range s.Job.Files {
			keys[i] = fmt.Sprintf("%s-%03d%s", base, i+1, extension(f))
		}
		return keys
	case job.KindDelivered:
		return nil
	case job.KindText:
		return []string{base + ".txt"}
	default:
		return []string{base + ".json"}
	}
}

// extension is by the type, else the URL's. A workload has no other types.
func extension(f simulator.File) string {
	switch f.ContentType {
	case "application/pdf":
		return ".pdf"
	case "image/png":
		return ".png"
	case "text/csv":
		return ".csv"
	case "application/zip":
		return ".zip"
	case "application/vnd.openxmlformats-officedocument.wordprocessingml.document":
		return ".docx"
	default:
		return path.Ext(f.Name)
	}
}
