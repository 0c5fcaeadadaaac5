package download

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseContentRange(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][2]int64{"bytes 0-9/10": {0, 10}, "bytes 5-5/10": {5, 10}, "bytes 5-9/*": {5, -1}} {
		start, _, total, ok := parseContentRange(value)
		require.True(t, ok, value)
		require.Equal(t, want, [2]int64{start, total}, value)
	}
	for _, value := range []string{"", "bytes */10", "bytes 5/10", "bytes -5/10", "bytes a-9/10", "bytes 5-b/10", "bytes 5-9/c", "bytes 9-5/10", "bytes 5-10/10", "bytes 5-9", "items 5-9/10"} {
		_, _, _, ok := parseContentRange(value)
		require.False(t, ok, value)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, later version
		validator    string
		differs      bool
	}{
		{version{`"a"`, "x"}, version{`"a"`, "y"}, `"a"`, false},
		{version{`"a"`, "x"}, version{`"b"`, "x"}, `"a"`, true},
		{version{`"a"`, "x"}, version{"", "y"}, `"a"`, true},
		{version{`"a"`, "x"}, version{}, `"a"`, false},
		{version{"unquoted", "x"}, version{"unquoted", "x"}, "unquoted", false},
		{version{`W/"a"`, "x"}, version{"", "x"}, "x", false},
		{version{`W/"a"`, ""}, version{`W/"b"`, ""}, "", true},
		{version{`W/"a"`, ""}, version{`W/"a"`, ""}, "", false},
		{version{"", "x"}, version{`"a"`, "x"}, "x", false},
		{version{"", "x"}, version{"", "y"}, "x", true},
		{version{}, version{}, "", false},
	} {
		require.Equal(t, c.validator, c.first.validator(), "%v", c)
		require.Equal(t, c.differs, c.first.differs(c.later), "%v", c)
	}
}

// FuzzContentRange: a range that is read is one, and says what was read.
func FuzzContentRange(f *testing.F) {
	for _, seed := range []string{"bytes 5-9/10", "bytes 5-9/*", "bytes 9-5/10", "bytes 5-9/9", "bytes */10", "5-9/10", "bytes -1-9/10", "bytes 0-9223372036854775807/*", "bytes 5-99999999999999999999/*", "bytes=5-9/10", "", "/", "bytes +5-+9/+10"} {
		f.Add(seed, int64(5))
	}
	f.Fuzz(func(t *testing.T, value string, at int64) {
		start, _, total, ok := parseContentRange(value)
		if ok {
			require.GreaterOrEqual(t, start, int64(0))
			require.True(t, total == -1 || total > start)
		}
		if at < 0 || at > 1<<60 {
			return
		}
		start, _, total, ok = parseContentRange(fmt.Sprintf("bytes %d-%d/%d", at, at+9, at+10))
		require.True(t, ok && start == at && total == at+10)
		start, _, total, ok = parseContentRange(fmt.Sprintf("bytes %d-%d/*", at, at))
		require.True(t, ok && start == at && total == -1)
	})
}
