package simulator

import (
	"net/http"
	"strings"

	"github.com/jobferry/jobferry/internal/job"
)

// fileInfo is a file as the API describes it. A nil pointer is a null.
type fileInfo struct {
	URL         *string       `json:"URL"`
	ContentType string        `json:"contentType,omitempty"`
	Metadata    *fileMetadata `json:"metadata,omitempty"`
}

type fileMetadata struct {
	FileSizeBytes *int64 `json:"fileSizeBytes"`
	PageCount     *int   `json:"pageCount"`
}

// statusBody is the body of every short answer about a job.
type statusBody struct {
	JobID    string    `json:"jobID"`
	Status   string    `json:"status"`
	Progress *float64  `json:"progress,omitempty"`
	Error    *JobError `json:"error,omitempty"`
	*JobError
}

// resultAnswer is what the result endpoint says about a job.
func (s *Server) resultAnswer(r *http.Request, shot snapshot) answer {
	switch {
	case shot.phase == gone:
		return answerProblem(http.StatusGone, r)
	case shot.phase == running && shot.job.RunningAs200:
		a := answerJSON(http.StatusOK, statusBody{JobID: shot.job.ID, Status: "running"})
		a.documented = false
		return a
	case shot.phase != terminal:
		return answerProblem(http.StatusNotFound, r)
	}
	a := s.terminalAnswer(r, shot.job)
	a.documented = shot.job.documented() && a.ContentType == typeJSON
	return a
}

// terminalAnswer is what is said of a job that has ended: its result in the
// form that its kind has, or how else it ended.
func (s *Server) terminalAnswer(r *http.Request, j Job) answer {
	switch {
	case j.Outcome == Failed && j.ErrorAtTop:
		return answerJSON(http.StatusOK, statusBody{JobID: j.ID, Status: "failed", JobError: &j.Error})
	case j.Outcome == Failed:
		return answerJSON(http.StatusOK, statusBody{JobID: j.ID, Status: "failed", Error: &j.Error})
	case j.Outcome == Canceled:
		return answerJSON(http.StatusOK, statusBody{JobID: j.ID, Status: "canceled"})
	case j.Kind == job.KindBinary || wantsBytes(r) && j.Kind == job.KindFile && j.JSON == nil:
		return binaryAnswer(j)
	default:
		return s.completedAnswer(j)
	}
}

// wantsBytes reports whether the client asks for raw bytes, which the API
// then answers in the place of a link.
func wantsBytes(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Accept"), typeBytes)
}

// binaryAnswer is a result that is the body itself, of any media type.
func binaryAnswer(j Job) answer {
	f := j.Files[0]
	return answer{
		Reply: Reply{Status: http.StatusOK, ContentType: f.ContentType},
		body:  f.Content, chunked: j.Chunked || f.Chunked,
	}
}

// completedAnswer joins the answer around a result that is never held whole.
func (s *Server) completedAnswer(j Job) answer {
	before := `{"jobID":"` + j.ID + `","status":"completed","result":`
	after := `}`
	if j.ResultFirst {
		before = `{"jobID":"` + j.ID + `","result":`
		after = `,"status":"completed"}`
	}
	return answer{
		Reply:   Reply{Status: http.StatusOK, ContentType: typeJSON},
		body:    joined{strings.NewReader(before), s.result(j), strings.NewReader(after)},
		chunked: j.Chunked,
	}
}

// result is the value of the answer's result: links to files, or a payload.
func (s *Server) result(j Job) Content {
	if !j.hasFiles() || j.JSON != nil {
		shown, _ := j.payload()
		return shown
	}
	infos := make([]fileInfo, len(j.Files))
	for i, f := range j.Files {
		infos[i] = s.fileInfo(j.ID, i, f)
	}
	var result any = map[string]any{"files": infos}
	if j.Kind != job.KindFiles && len(infos) == 1 {
		result = map[string]any{"file": infos[0]}
	}
	return strings.NewReader(string(mustJSON(result)))
}

// fileInfo describes a file. A poll signs its URLs anew, as the API does: a
// client whose URL has expired asks for the job again.
func (s *Server) fileInfo(id string, index int, f File) fileInfo {
	info := fileInfo{Metadata: &fileMetadata{}}
	if !f.Delivered {
		url := f.URL
		if url == "" {
			url = s.signedURL(id, index, f.Name)
		}
		info.URL = &url
	}
	if !f.NoContentType {
		info.ContentType = f.ContentType
	}
	if f.PageCount > 0 {
		info.Metadata.PageCount = &f.PageCount
	}
	if !f.OmitSize {
		info.Metadata.FileSizeBytes = f.DeclaredSize
	}
	if f.OmitMetadata {
		info.Metadata = nil
	}
	return info
}

// statusAnswer is what the status endpoint says about a job.
func statusAnswer(r *http.Request, shot snapshot) answer {
	body := statusBody{JobID: shot.job.ID, Status: string(shot.job.Outcome)}
	switch shot.phase {
	case unknown:
		return answerProblem(http.StatusNotFound, r)
	case gone:
		return answerProblem(http.StatusGone, r)
	case running:
		body.Status, body.Progress = "running", &shot.progress
	case terminal:
	}
	return answerJSON(http.StatusOK, body)
}
