package answer

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/stretchr/testify/require"
)

// The whole point of streaming: 200 MiB pass by, and all that is allocated on
// the way, garbage included, is a fiftieth of that. The test is not parallel,
// so that nothing else allocates.
func TestLargeResultsAreNotHeld(t *testing.T) { //nolint:paralleltest // it measures the process
	for name, c := range map[string]struct {
		size                   int64
		before, pattern, after string
	}{
		"object":                 {200 * fetchtest.Mebibyte, `{"jobID":"the-job","status":"completed","result":{"text":"`, `no end in sight `, `"}}`},
		"object before status":   {40 * fetchtest.Mebibyte, `{"jobID":"the-job","result":{"text":"`, `no end in sight `, `"},"status":"completed"}`},
		"text":                   {40 * fetchtest.Mebibyte, `{"jobID":"the-job","status":"completed","result":"`, `Lorem ipsum dolor sit amet consectetur adipiscing elit € `, `"}`},
		"tables":                 {20 * fetchtest.Mebibyte, `{"jobID":"the-job","result":{"tables":[`, `{"ID":"x","cells":[["a",1.5e2],["b\n",null]]},`, `0]},"status":"completed"}`},
		"escaped text":           {20 * fetchtest.Mebibyte, `{"jobID":"the-job","result":"`, `\u00e9\n\ud83d\ude00\"text\"`, `","status":"completed"}`},
		"a member of no meaning": {20 * fetchtest.Mebibyte, `{"jobID":"the-job","new":[`, `{"a":"b"},`, `0],"status":"completed","result":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			body, bodySize := fetchtest.Repeat(c.pattern, c.size)
			host := asJSON(io.MultiReader(strings.NewReader(c.before), body, strings.NewReader(c.after)))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)

			answer, err := readFrom(t.Context(), t, newReader(), host)
			require.NoError(t, err)
			n, err := io.Copy(io.Discard, fetchtest.OnlyReader{Reader: answer.Payload})
			require.NoError(t, err)
			require.NoError(t, answer.Close())

			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4*fetchtest.Mebibyte))
			if name != "a member of no meaning" {
				require.Greater(t, n, bodySize/4, "an escape has up to six bytes for one")
			}
		})
	}
}

func TestLargeObjectIsByteForByte(t *testing.T) {
	t.Parallel()
	value := []byte("{\"a\" : [" + strings.Repeat("1.50 ,\n\t\"\\u00e9\xff\" , ", 50_000) + "null ]\r\n}")
	body := append(append([]byte(`{"jobID":"the-job","result": `), value...), `  ,"status":"completed"}`...)
	answer, err := readJSON(t, string(body))
	require.NoError(t, err)
	var got bytes.Buffer
	_, err = got.ReadFrom(answer.Payload)
	require.NoError(t, err)
	require.True(t, bytes.Equal(value, got.Bytes()))
	require.NoError(t, answer.Close())
}
