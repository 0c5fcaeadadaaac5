package fetch

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const mebibyte = 1 << 20

// repeated is a reader of a pattern, many times over, that holds one.
type repeated struct {
	pattern []byte
	left    int64
	at      int
}

func (r *repeated) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(int64(len(b)), r.left)], r.pattern[r.at:])
	r.at = (r.at + n) % len(r.pattern)
	r.left -= int64(n)
	return n, nil
}

func repeat(pattern string, size int64) (io.Reader, int64) {
	pattern = strings.Repeat(pattern, max(1, 4096/len(pattern)))
	whole := size / int64(len(pattern)) * int64(len(pattern))
	return &repeated{pattern: []byte(pattern), left: whole}, whole
}

// The whole point of streaming: 200 MiB pass by, and all that is allocated on
// the way, garbage included, is a fiftieth of that. The test is not parallel,
// so that nothing else allocates.
func TestLargeResultsAreNotHeld(t *testing.T) { //nolint:paralleltest // it measures the process
	for name, c := range map[string]struct {
		size                   int64
		before, pattern, after string
	}{
		"object":                 {200 * mebibyte, `{"status":"completed","result":{"text":"`, `no end in sight `, `"}}`},
		"object before status":   {40 * mebibyte, `{"result":{"text":"`, `no end in sight `, `"},"status":"completed"}`},
		"text":                   {40 * mebibyte, `{"status":"completed","result":"`, `Lorem ipsum dolor sit amet consectetur adipiscing elit € `, `"}`},
		"tables":                 {20 * mebibyte, `{"result":{"tables":[`, `{"ID":"x","cells":[["a",1.5e2],["b\n",null]]},`, `0]},"status":"completed"}`},
		"escaped text":           {20 * mebibyte, `{"result":"`, `\u00e9\n\ud83d\ude00\"text\"`, `","status":"completed"}`},
		"a member of no meaning": {20 * mebibyte, `{"new":[`, `{"a":"b"},`, `0],"status":"completed","result":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			body, bodySize := repeat(c.pattern, c.size)
			client := offline(t, func(*http.Request) (*http.Response, error) {
				return respond(http.StatusOK, io.MultiReader(strings.NewReader(c.before), body, strings.NewReader(c.after)), "Content-Type", "application/json"), nil
			}, nil)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)

			answer, err := client.Poll(t.Context(), testID)
			require.NoError(t, err)
			n, err := io.Copy(io.Discard, onlyReader{answer.Payload})
			require.NoError(t, err)
			require.NoError(t, answer.Close())

			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4*mebibyte))
			if name != "a member of no meaning" {
				require.Greater(t, n, bodySize/4, "an escape has up to six bytes for one")
			}
		})
	}
}

type onlyReader struct{ io.Reader }

func TestLargeObjectIsByteForByte(t *testing.T) {
	t.Parallel()
	value := []byte("{\"a\" : [" + strings.Repeat("1.50 ,\n\t\"\\u00e9\xff\" , ", 50_000) + "null ]\r\n}")
	body := append(append([]byte(`{"result": `), value...), `  ,"status":"completed"}`...)
	answer, err := poll(t, string(body))
	require.NoError(t, err)
	var got bytes.Buffer
	_, err = got.ReadFrom(answer.Payload)
	require.NoError(t, err)
	require.True(t, bytes.Equal(value, got.Bytes()))
	require.NoError(t, answer.Close())
}
