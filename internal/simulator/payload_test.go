package simulator_test

import (
	"encoding/json"
	"io"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

func payloadKinds() []job.Kind {
	return []job.Kind{
		job.KindText, job.KindTables, job.KindTextBoxes, job.KindPIIBoxes,
		job.KindProperties, job.KindForm, job.KindJSON,
	}
}

// answered is a completed answer as a client reads it.
type answered struct {
	JobID  string          `json:"jobID"`
	Status string          `json:"status"`
	Result json.RawMessage `json:"result"`
}

// What the expectation says is stored is the result of the answer, byte for
// byte, in either order of members; and it is as long as was asked for.
func TestPayloads(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	for _, kind := range payloadKinds() {
		for _, size := range []int64{0, 1, size} {
			for _, first := range []bool{false, true} {
				j := simulator.Job{ID: "p", Kind: kind, PayloadSize: size, ResultFirst: first, Chunked: first}
				c.Add(j)
				got := c.poll("p")
				require.Equal(t, 200, got.status)
				var a answered
				require.NoError(t, json.Unmarshal(got.body, &a), "%s", kind)
				require.Equal(t, "completed", a.Status)
				require.Equal(t, "p", a.JobID)
				require.GreaterOrEqual(t, int64(len(a.Result)), size)
				require.Equal(t, string(bytesOf(t, j.Expect().Objects[0].Content)), stored(t, kind, a.Result))
			}
		}
	}
}

// stored is what becomes of a result: text loses its quotes.
func stored(t *testing.T, kind job.Kind, result json.RawMessage) string {
	t.Helper()
	if kind != job.KindText {
		return string(result)
	}
	var text string
	require.NoError(t, json.Unmarshal(result, &text))
	require.True(t, utf8.ValidString(text))
	return text
}

func TestMemberOrder(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.Add(
		simulator.Job{ID: "a", Kind: job.KindText, Text: "x"},
		simulator.Job{ID: "b", Kind: job.KindText, Text: "x", ResultFirst: true},
	)
	require.Equal(t, `{"jobID":"a","status":"completed","result":"x"}`, string(c.poll("a").body))
	require.Equal(t, `{"jobID":"b","result":"x","status":"completed"}`, string(c.poll("b").body))
}

func TestGivenPayloads(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	text := simulator.Job{ID: "text", Kind: job.KindText, Text: "a \"b\"\n\u2028€\U0001F6A2"}
	raw := simulator.Job{ID: "raw", Kind: job.KindTables, JSON: json.RawMessage(`{ "tables" : [] ,"x":1e400}`)}
	c.Add(text, raw)
	var a answered
	require.NoError(t, json.Unmarshal(c.poll("text").body, &a))
	require.Equal(t, text.Text, stored(t, job.KindText, a.Result))
	require.Equal(t, text.Text, string(bytesOf(t, text.Expect().Objects[0].Content)))
	require.Equal(t, `{"jobID":"raw","status":"completed","result":{ "tables" : [] ,"x":1e400}}`, string(c.poll("raw").body))
	require.Equal(t, string(raw.JSON), string(bytesOf(t, raw.Expect().Objects[0].Content)))
}

// 200 MiB of text boxes are still one JSON document; it is decoded as it comes.
func TestLargePayloadIsStreamed(t *testing.T) {
	t.Parallel()
	const size = 200 << 20
	j := simulator.Job{ID: "large", Kind: job.KindTextBoxes, PayloadSize: size}
	content := j.Expect().Objects[0].Content
	require.InDelta(t, size, content.Size(), 4096)
	for _, off := range []int64{0, size / 2, size - 100} {
		piece := make([]byte, 100)
		_, err := content.ReadAt(piece, off)
		require.NoError(t, err)
		require.True(t, utf8.Valid(piece))
	}
	tail, err := io.ReadAll(io.NewSectionReader(content, content.Size()-2, 2))
	require.NoError(t, err)
	require.Equal(t, "]}", string(tail))
}
