package answer

import (
	"testing"

	"github.com/jobferry/jobferry/internal/fetch/jsonstream"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

func TestPayloadKind(t *testing.T) {
	t.Parallel()
	properties := []string{"title", "author", "subject", "keywords", "creator", "producer", "creationDate", "modDate", "trapped"}
	kindOf := func(members ...string) job.Kind {
		var seen memberSet
		for _, name := range members {
			seen.add(name)
		}
		return seen.payloadKind()
	}
	require.Equal(t, job.KindTables, kindOf("tables"))
	require.Equal(t, job.KindTextBoxes, kindOf("other", "textBoxes"))
	require.Equal(t, job.KindPIIBoxes, kindOf("PIIBoxes"))
	require.Equal(t, job.KindProperties, kindOf(properties...))
	require.Equal(t, job.KindForm, kindOf("averageConfidence", "fields"))
	require.Equal(t, job.KindJSON, kindOf("fields"))
	require.Equal(t, job.KindJSON, kindOf())
	for i := range properties {
		others := append(append([]string{}, properties[:i]...), properties[i+1:]...)
		require.Equal(t, job.KindJSON, kindOf(others...), "without %s", properties[i])
	}
}

func TestMembersAreNamedAsInTheOpenAPI(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]memberSet{
		`{"file":1,"x":{"files":2},"y":["tables"]}`: memberFile,
		`{"tab\u006ces":[],"textBoxes":"fields"}`:   memberTables | memberTextBoxes,
		`{"File":1,"FILES":2,"x":"file"}`:           0,
		`{"\u0061\u0076\u0065\u0072\u0061\u0067\u0065\u0043\u006f\u006e\u0066\u0069\u0064\u0065\u006e\u0063\u0065":1}`: memberAverageConfidence,
		`{"a":[{"b":{}}],"PIIBoxes":null}`: memberPIIBoxes,
	} {
		t.Run(result, func(t *testing.T) {
			t.Parallel()
			var seen memberSet
			require.NoError(t, jsonstream.ScanNames([]byte(result), seen.add))
			require.Equal(t, want, seen)
		})
	}
}
