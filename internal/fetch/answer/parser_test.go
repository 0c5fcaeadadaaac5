package answer

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/job"
)

// permutations returns every order of the items.
func permutations(items []string) [][]string {
	if len(items) < 2 {
		return [][]string{items}
	}
	var all [][]string
	for i, item := range items {
		rest := append(slices.Clone(items[:i]), items[i+1:]...)
		for _, tail := range permutations(rest) {
			all = append(all, append([]string{item}, tail...))
		}
	}
	return all
}

func object(members ...string) string {
	return `{"jobID": "` + string(fetchtest.ID) + `", ` + strings.Join(members, ", ") + "}"
}

// padding makes an answer too large for the window.
var padding = `"padding":{"x":"` + strings.Repeat("x", 2*windowBytes) + `"}`

func TestAnswerWithItsMembersInAnyOrder(t *testing.T) {
	t.Parallel()
	longText := strings.Repeat(`€\u20ac \"text\"\n`, windowBytes/8)
	longObject := `{"rows":[` + strings.TrimSuffix(strings.Repeat(`[1, 2.50,"x"],`, windowBytes/8), ",") + `], "tables" : []}`
	results := map[string]struct {
		value, want string
		kind        job.Kind
	}{
		"text":        {`"a\u00e9\n"`, "aé\n", job.KindText},
		"object":      {`{"tables": [ 1,2 ] }`, `{"tables": [ 1,2 ] }`, job.KindTables},
		"long text":   {`"` + longText + `"`, strings.NewReplacer(`\u20ac`, "€", `\"`, `"`, `\n`, "\n").Replace(longText), job.KindText},
		"long object": {longObject, longObject, job.KindTables},
	}
	for name, r := range results {
		for _, extra := range []string{`"more":[{"jobID":"the-job","status":"failed"}]`, padding} {
			for i, order := range permutations([]string{`"status":"completed"`, `"error":null`, `"result": ` + r.value, extra}) {
				answer, err := readJSON(t, object(order...))
				require.NoError(t, err, "%s, order %d", name, i)
				require.Equal(t, job.Completed, answer.Verdict)
				require.Equal(t, r.want, contents(t, answer), "%s, order %d", name, i)
				require.Equal(t, r.kind, answer.Payload.Kind(), "%s, order %d", name, i)
			}
		}
	}
}

func TestAnswerOfFilesWithItsMembersInAnyOrder(t *testing.T) {
	t.Parallel()
	const result = `"result":{"files":[{"URL":"https://a/1","contentType":"application/pdf","metadata":{"fileSizeBytes":3,"pageCount":2}},{"URL":null}]}`
	for _, extra := range []string{`"more":1`, padding} {
		for _, order := range permutations([]string{`"status":"completed"`, result, extra, `"progress":1`}) {
			answer, err := readJSON(t, object(order...))
			require.NoError(t, err)
			require.Equal(t, job.KindFiles, answer.Kind)
			require.Nil(t, answer.Payload)
			require.Len(t, answer.Files, 2)
			require.Equal(t, "https://a/1", answer.Files[0].URL.Reveal())
			require.Equal(t, "application/pdf", answer.Files[0].ContentType)
			require.EqualValues(t, 3, *answer.Files[0].DeclaredSize)
			require.Equal(t, 2, *answer.Files[0].PageCount)
			require.True(t, answer.Files[1].URL.IsZero())
		}
	}
}

func TestSmallAnswerIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	answer, err := readJSON(t, `{"jobID":"the-job","result":{"fields":[],"averageConfidence":9.5},"status":"completed"}`)
	require.NoError(t, err)
	require.Equal(t, job.KindForm, answer.Kind)
	require.Equal(t, job.KindForm, answer.Payload.Kind())
	require.EqualValues(t, len(`{"fields":[],"averageConfidence":9.5}`), answer.Payload.Size())
	require.Equal(t, "application/json", answer.Payload.ContentType())
	require.Empty(t, answer.Payload.Ext())

	answer, err = readJSON(t, `{"jobID":"the-job","status":"completed","result":"\ud83d\ude00\ud83d"}`)
	require.NoError(t, err)
	require.EqualValues(t, len("😀\ufffd"), answer.Payload.Size())
	require.Equal(t, "text/plain; charset=utf-8", answer.Payload.ContentType())
	require.Equal(t, "😀\ufffd", contents(t, answer))
}

func TestLargeAnswerSaysThatItsSizeIsNotKnown(t *testing.T) {
	t.Parallel()
	value := `{"tail":"` + strings.Repeat("x", windowBytes) + `","textBoxes":[]}`
	answer, err := readJSON(t, object(`"status":"completed"`, `"result":`+value))
	require.NoError(t, err)
	require.EqualValues(t, -1, answer.Payload.Size())
	require.Equal(t, job.KindJSON, answer.Payload.Kind(), "what tells the kind is beyond the window")
	require.Equal(t, value, contents(t, answer))
	require.Equal(t, job.KindTextBoxes, answer.Payload.Kind())
}

func TestAnswerThatIsNotTerminal(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"running", "pending", "RUNNING", "a new one", ""} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			answer, err := readJSON(t, object(fmt.Sprintf(`"status":%q`, status), `"progress":0.5`, `"result":null`, `"extensions":{"retry_after":"12"}`))
			require.NoError(t, err)
			require.Equal(t, job.Answer{Verdict: job.Running, RetryAfter: 12 * time.Second}, answer)
		})
	}
}

func TestAnswerOfAFailedOrCanceledJob(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]job.Answer{
		`{"jobID":"the-job","status":"canceled","error":{"type":"x"}}`:                        {Verdict: job.Canceled},
		`{"jobID":"the-job","status":"failed"}`:                                               {Verdict: job.Failed},
		`{"jobID":"the-job","status":"failed","error":null,"result":null}`:                    {Verdict: job.Failed},
		`{"jobID":"the-job","error":{"type":"OCRFailed","title":"No"},"status":"failed"}`:     {Verdict: job.Failed, Error: &job.Problem{Type: "OCRFailed", Title: "No"}},
		`{"jobID":"the-job","type":"FileTooLarge","title":"Too\nlarge","status":"failed"}`:    {Verdict: job.Failed, Error: &job.Problem{Type: "FileTooLarge", Title: "Too large"}},
		`{"jobID":"the-job","status":"failed","error":"broken","title":"ignored"}`:            {Verdict: job.Failed, Error: &job.Problem{Title: "broken"}},
		`{"jobID":"the-job","status":"failed","error":{"type":7,"title":"T"},"type":"other"}`: {Verdict: job.Failed, Error: &job.Problem{Title: "T"}},
		`{"jobID":"the-job","status":"failed","error":{"type":"BrokenDownloadURL","title":"GET https://h/f?X-Amz-Signature=hunter2"}}`: {
			Verdict: job.Failed, Error: &job.Problem{Type: "BrokenDownloadURL", Title: "GET https://h/f"},
		},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			answer, err := readJSON(t, body)
			require.NoError(t, err, body)
			require.Equal(t, want, answer, body)
		})
	}
}

func TestAnswerThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, ` `, `[]`, `"completed"`, `null`, `12`, `{}`, `{"result":"x"}`, `{"jobID":"the-job","status":null}`, `{"jobID":"the-job","status":1}`, `{"jobID":"the-job","status":"completed"`,
		`{"jobID":"the-job","status":"completed","result":"x"`, `{"jobID":"the-job","status":"completed","result":tru}`,
		`{"jobID":"the-job","status":"completed","result":{"file":{"URL":"https://a/b"}}`, `{"jobID":"the-job","status":"completed",}`, `<html>`, "{\"status\":\"\n\"}",
		`{"jobID":"the-job","status":"` + strings.Repeat("x", 2*maxMember) + `"}`, `{"jobID":"the-job","status":"running","deep":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
	} {
		t.Run(short(body), func(t *testing.T) {
			t.Parallel()
			_, err := readJSON(t, body)
			fetchtest.RequireUnavailable(t, err)
		})
	}
}

func TestResultOfNoKnownShape(t *testing.T) {
	t.Parallel()
	for _, result := range []string{`1`, `true`, `[]`, `[{"file":{}}]`, strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat("}", 600)} {
		t.Run(short(result), func(t *testing.T) {
			t.Parallel()
			for _, extra := range []string{`"x":1`, padding} {
				for _, order := range permutations([]string{`"status":"completed"`, `"result":` + result, extra}) {
					_, err := readJSON(t, object(order...))
					fetchtest.RequireReason(t, err, job.ReasonResultInvalid)
				}
			}
		})
	}
	_, err := readJSON(t, `{"jobID":"the-job","status":"completed","result":"a","result":"b"}`)
	fetchtest.RequireReason(t, err, job.ReasonResultInvalid)
}

func TestResultThatIsTooLarge(t *testing.T) {
	t.Parallel()
	limited := func(limit int64, body string) (job.Answer, error) {
		return readFrom(t.Context(), t, NewReader(Limits{Result: limit}), asJSON(strings.NewReader(body)))
	}
	_, err := limited(4, `{"jobID":"the-job","status":"completed","result":"12345"}`)
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)
	_, err = limited(5, `{"jobID":"the-job","status":"completed","result":"12345"}`)
	require.NoError(t, err)

	long := strings.Repeat("x", 2*windowBytes)
	for _, result := range []string{`"` + long + `"`, `{"a":"` + long + `"}`} {
		t.Run(short(result), func(t *testing.T) {
			t.Parallel()
			answer, err := limited(windowBytes, object(`"result":`+result, `"status":"completed"`))
			require.NoError(t, err)
			n, err := io.Copy(io.Discard, answer.Payload)
			fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)
			require.LessOrEqual(t, n, int64(windowBytes))
			require.NoError(t, answer.Close())
		})
	}
}

// What a streamed payload promised is taken back when the rest of the answer
// says otherwise.
func TestStreamedPayloadThatIsNotCompleted(t *testing.T) {
	t.Parallel()
	long := `"result":"` + strings.Repeat("x", 2*windowBytes) + `"`
	read := func(members ...string) (int64, error) {
		answer, err := readJSON(t, object(members...))
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, answer.Payload)
		_, again := answer.Payload.Read(make([]byte, 1))
		require.Equal(t, err, again, "the error must stay")
		require.NoError(t, answer.Close())
		return n, err
	}
	for rest, want := range map[string]job.Answer{
		`"status":"canceled"`:                               {Verdict: job.Canceled},
		`"status":"failed","error":{"type":"T"}`:            {Verdict: job.Failed, Error: &job.Problem{Type: "T"}},
		`"status":"running","extensions":{"retry_after":9}`: {Verdict: job.Running, RetryAfter: 9 * time.Second},
	} {
		t.Run(rest, func(t *testing.T) {
			t.Parallel()
			_, err := read(long, rest)
			var settled *job.Error
			require.ErrorAs(t, err, &settled)
			require.Equal(t, job.NotCompleted(want), settled)
		})
	}
	for _, rest := range []string{`"x":1`, `"status":7`, `"status":"completed",`} {
		t.Run(rest, func(t *testing.T) {
			t.Parallel()
			_, err := read(long, rest)
			fetchtest.RequireUnavailable(t, err)
		})
	}
	_, err := read(long, `"status":"completed"`, `"result":"another"`)
	fetchtest.RequireReason(t, err, job.ReasonResultInvalid)
	_, err = read(`"result":"`+strings.Repeat("x", 2*windowBytes)+`\q"`, `"status":"completed"`)
	fetchtest.RequireUnavailable(t, err)
	_, err = read(`"result":{"a":"`+strings.Repeat("x", 2*windowBytes)+`","b":`+strings.Repeat("[", 600)+`1`, `"status":"completed"`)
	fetchtest.RequireReason(t, err, job.ReasonResultInvalid)
}

func TestResultOfAJobThatIsNotCompletedIsNotLookedAt(t *testing.T) {
	t.Parallel()
	answer, err := readJSON(t, object(`"status":"failed"`, `"result":"`+strings.Repeat("x", 2*windowBytes)+`"`, `"error":{"title":"T"}`))
	require.NoError(t, err)
	require.Equal(t, job.Answer{Verdict: job.Failed, Error: &job.Problem{Title: "T"}}, answer)
}

func TestPayloadIsReadInSmallPieces(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("€😀é.", windowBytes/8)
	answer, err := readJSON(t, object(`"status":"completed"`, `"result":"`+want+`"`))
	require.NoError(t, err)
	var got strings.Builder
	for b := make([]byte, 1); ; {
		n, err := answer.Payload.Read(b)
		got.Write(b[:n])
		if err == io.EOF { //nolint:errorlint // it must be io.EOF itself
			break
		}
		require.NoError(t, err)
	}
	require.Equal(t, want, got.String())
}

func TestPayloadAfterClose(t *testing.T) {
	t.Parallel()
	answer, err := readJSON(t, object(`"status":"completed"`, `"result":"`+strings.Repeat("x", 2*windowBytes)+`"`))
	require.NoError(t, err)
	require.NoError(t, answer.Close())
	require.NoError(t, answer.Close())
	_, err = answer.Payload.Read(make([]byte, 8))
	require.Error(t, err)
}

// An answer that is cut short anywhere never passes for a result.
func TestAnswerCutShort(t *testing.T) {
	t.Parallel()
	whole := object(`"status":"completed"`, `"result":"`+strings.Repeat("x", windowBytes)+`"`, `"more":[1,2]`)
	for n := 0; n < len(whole); n += 1 + n/64 {
		answer, err := readJSON(t, whole[:n])
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Payload)
			require.NoError(t, answer.Close())
		}
		fetchtest.RequireUnavailable(t, err)
	}
}

func TestBinaryAnswer(t *testing.T) {
	t.Parallel()
	binary := func(body io.Reader, header ...string) fetchtest.Transport {
		return func(*http.Request) (*http.Response, error) {
			return fetchtest.Respond(http.StatusOK, body, header...), nil
		}
	}
	limited := NewReader(Limits{Result: 10})

	answer, err := readFrom(t.Context(), t, newReader(), binary(strings.NewReader("%PDF-1.7"), "Content-Type", "application/pdf", "Content-Length", "8"))
	require.NoError(t, err)
	require.Equal(t, job.KindBinary, answer.Kind)
	require.Equal(t, job.KindBinary, answer.Payload.Kind())
	require.Equal(t, "application/pdf", answer.Payload.ContentType())
	require.EqualValues(t, 8, answer.Payload.Size())
	require.Equal(t, "%PDF-1.7", contents(t, answer))

	_, err = readFrom(t.Context(), t, limited, binary(strings.NewReader("01234567890"), "Content-Type", "image/png", "Content-Length", "11"))
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)

	answer, err = readFrom(t.Context(), t, limited, binary(strings.NewReader("01234567890"), "Content-Type", "image/png"))
	require.NoError(t, err)
	require.EqualValues(t, -1, answer.Payload.Size())
	_, err = io.Copy(io.Discard, answer.Payload)
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)
	require.NoError(t, answer.Close())

	for _, sent := range []int{1000, 2 * windowBytes} {
		for _, length := range []string{"", "999999"} {
			cut := io.MultiReader(strings.NewReader(strings.Repeat("x", sent)), iotest.ErrReader(io.ErrUnexpectedEOF))
			answer, err = readFrom(t.Context(), t, newReader(), binary(cut, "Content-Type", "image/png", "Content-Length", length))
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, answer.Payload)
			fetchtest.RequireUnavailable(t, err)
			require.Equal(t, length != "", job.ClassOf(err) == job.ClassWrongLength, "only a length that was announced can be wrong")
			require.NoError(t, answer.Close())
		}
	}
}

func TestBytesBehindAnAnswerAreNotOfIt(t *testing.T) {
	t.Parallel()
	for _, long := range []string{"x", strings.Repeat("x", 2*windowBytes)} {
		whole := `{"jobID":"the-job","status":"completed","result":"` + long + `"}`
		for _, behind := range []string{"<!-- node 7 -->", whole, "\x00", " } "} {
			answer, err := readJSON(t, whole+behind)
			require.NoError(t, err)
			require.Equal(t, job.KindText, answer.Kind)
			require.Equal(t, long, contents(t, answer))
		}
	}
	_, err := readJSON(t, ")]}',\n"+`{"jobID":"the-job","status":"completed","result":"x"}`)
	fetchtest.RequireUnavailable(t, err)
}
