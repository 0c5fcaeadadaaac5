package owners

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"
)

func TestTimeGoesToTheInnermostLibrary(t *testing.T) {
	t.Parallel()
	path := written(t, map[int64][]string{
		1: {"syscall.Write", "net/http.(*persistConn).writeLoop"},
		2: {"runtime.mallocgc", "encoding/json.Unmarshal", "github.com/jobferry/jobferry/internal/fetch.(*answer).walk", "net/http.x"},
		4: {"github.com/aws/smithy-go/middleware.decorated[go.shape.struct { net/url.URL }].Handle", "main.main"},
		8: {"hash.x", "github.com/nats-io/nats%2ego.(*Conn).readLoop"},
		// nobody's
		16: {"runtime.scanobject", "runtime.gcBgMarkWorker.func2"},
		32: {"runtime.schedule"},
		64: {"bytes.x", "main.(*program).carry"},
	})
	shares, err := Of(path, path)
	require.NoError(t, err)
	require.Equal(t, []Share{
		{"the program itself", 128},
		{scheduler, 64},
		{collector, 32},
		{"github.com/nats-io/nats%2ego", 16},
		{"AWS SDK", 8},
		{"internal/fetch", 4},
		{"net/http", 2},
	}, shares)
}

func TestShowLeavesNobodyOut(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, Show(&out, []Share{{"one", 150}, {"two", 49.5}, {"three", 0.5}}, 100))
	require.Equal(t, `  75.0 %  1500000.0 µs  one
  24.8 %   495000.0 µs  two
   0.2 %     5000.0 µs  others
`, out.String())
}

func TestProfileThatIsNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.cpu")
	require.NoError(t, os.WriteFile(path, []byte("none"), 0o600))
	_, err := Of(path)
	require.ErrorContains(t, err, path)
	_, err = Of(path + "x")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// written is a profile with one sample for each number of seconds, whose stack
// has its innermost function first.
func written(t *testing.T, stacks map[int64][]string) string {
	t.Helper()
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}}
	for seconds, stack := range stacks {
		sample := &profile.Sample{Value: []int64{1, seconds * 1e9}}
		for _, name := range stack {
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
			l := &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
			p.Function, p.Location = append(p.Function, f), append(p.Location, l)
			sample.Location = append(sample.Location, l)
		}
		p.Sample = append(p.Sample, sample)
	}
	path := filepath.Join(t.TempDir(), "p.cpu")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, p.Write(file))
	return path
}
