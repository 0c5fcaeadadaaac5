package answer

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

// outcome is all that an answer says, once its payload has been read.
type outcome struct {
	verdict job.Verdict
	kind    job.Kind
	payload string
	files   int
	reason  job.Reason
	waits   bool
}

func outcomeOf(t *testing.T, body io.Reader) outcome {
	t.Helper()
	answer, err := readFrom(t.Context(), t, newReader(), asJSON(body))
	o := outcome{verdict: answer.Verdict, kind: answer.Kind, files: len(answer.Files)}
	if answer.Payload != nil {
		var content []byte
		content, err = io.ReadAll(answer.Payload)
		o.payload, o.kind = string(content), answer.Payload.Kind()
		require.NoError(t, answer.Close())
	}
	if err == nil {
		return o
	}
	known, ok := errors.AsType[*job.Error](err)
	require.True(t, ok, "there are no other errors: %v", err)
	switch known.Class {
	case job.ClassNotCompleted:
		return outcome{verdict: known.Answer.Verdict}
	case job.ClassPermanent:
		return outcome{reason: known.Reason}
	default:
		require.True(t, known.Waits())
		return outcome{waits: true}
	}
}

// However an answer is read, it says the same: whole from the window, or
// streamed, because padding makes it too large for that.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"jobID":"the-job","status":"completed","result":"text \u00e9 \ud83d\ude00"}`, `{"jobID":"the-job","result":{"tables":[1,2]},"status":"completed"}`,
		`{"jobID":"the-job","status":"completed","result":{"file":{"URL":"https://h/x"}}}`, `{"jobID":"the-job","status":"completed","result":{"files":[{"URL":null},{"URL":"x"}]}}`,
		`{"jobID":"the-job","status":"failed","error":{"type":"T"}}`, `{"jobID":"the-job","result":"x","status":"canceled"}`, `{"jobID":"the-job","status":"running"}`, `{"jobID":"the-job","status":"completed","result":[]}`,
		`{"jobID":"the-job","status":"completed","result":"x","result":"y"}`, `{"jobID":"the-job","status":"completed","status":"running","result":{}}`, `{"jobID":"the-job","status":"completed","result":"x"`,
		`{}`, `[]`, ``, `{"jobID":"the-job","status":"completed","result":{"a":[[[[]]]],"fields":1,"averageConfidence":2}} `, `{"jobID":"the-job","status":"completed","result":{"file":7}}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		small := outcomeOf(t, iotest.HalfReader(strings.NewReader(body)))
		if !beginsWithJSON(body) {
			require.True(t, small.waits || small.reason == job.ReasonResultInvalid, "%q: %+v", body, small)
		}
		trimmed := strings.TrimLeft(body, " \t\r\n")
		if rest, isObject := strings.CutPrefix(trimmed, "{"); isObject {
			if strings.HasPrefix(strings.TrimLeft(rest, " \t\r\n"), "}") {
				rest = strings.TrimLeft(rest, " \t\r\n")
			} else {
				rest = "," + rest
			}
			require.Equal(t, small, outcomeOf(t, strings.NewReader("{"+padding+rest)), "%q", body)
		}
	})
}

// beginsWithJSON reports whether a whole document stands at the beginning, as a
// gateway may put something behind it.
func beginsWithJSON(body string) bool {
	var document json.RawMessage
	return json.NewDecoder(strings.NewReader(strings.TrimPrefix(body, "\ufeff"))).Decode(&document) == nil
}
