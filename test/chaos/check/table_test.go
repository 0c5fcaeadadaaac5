package check_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/test/chaos/check"
)

func TestTheTableShowsEveryKindAtZeroToo(t *testing.T) {
	t.Parallel()
	o := clean(t)
	o.Authorizations = 2
	report := check.Run(o)
	var table, markdown strings.Builder
	require.NoError(t, report.Table(&table))
	require.NoError(t, report.Markdown(&markdown))
	for _, kind := range check.Kinds() {
		count := "0"
		if kind == check.TokenAtFileHost {
			count = "1"
		}
		require.Regexp(t, `(?m)^  `+string(kind)+` +`+count+`$`, table.String())
		require.Contains(t, markdown.String(), "| "+string(kind)+" | "+count+" |\n")
	}
	for _, line := range []string{`jobs +5`, `  worker kills +3`, `  node kills +1`, `faults +4`, `  worker kill -9 +3`, `violations +1`, `  downloads beyond one a file +0 of 3`} {
		require.Regexp(t, `(?m)^`+line+`$`, table.String())
	}
	require.Contains(t, markdown.String(), "| **violations** | 1 |\n")
}

func TestTheTableIsAligned(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	require.NoError(t, check.Run(clean(t)).Table(&table))
	value := regexp.MustCompile(`\S( {2,})\S`)
	columns := map[int]bool{}
	for line := range strings.Lines(table.String()) {
		gap := value.FindStringSubmatchIndex(line)
		require.NotNil(t, gap, line)
		columns[gap[3]] = true
	}
	require.Len(t, columns, 1)
}

func TestAWriterThatFailsIsTold(t *testing.T) {
	t.Parallel()
	full := errors.New("no room")
	require.ErrorIs(t, check.Report{}.Table(brokenWriter{full}), full)
	require.ErrorIs(t, check.Report{}.Markdown(brokenWriter{full}), full)
}

type brokenWriter struct{ err error }

func (b brokenWriter) Write([]byte) (int, error) { return 0, b.err }
