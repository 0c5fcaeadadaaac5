package answer

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/stretchr/testify/require"
)

func TestProblemDocument(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]*job.Problem{
		`{"type":"about:blank","title":"T","detail":"D","instance":"/i","status":999}`: {Type: "about:blank", Title: "T", Detail: "D", Instance: "/i", Status: 422},
		`{"type":"relative?token","instance":"x?y"}`:                                   {Type: "relative", Instance: "x", Status: 422},
		`{"title":"a\u0000b\nc"}`:                                                      {Title: "ab c", Status: 422},
		`{"title":7,"detail":"D"}`:                                                     {Detail: "D", Status: 422},
		`{}`:                                                                           {Title: "Unprocessable Entity", Status: 422},
		`<html>`:                                                                       {Title: "Unprocessable Entity", Status: 422},
		``:                                                                             {Title: "Unprocessable Entity", Status: 422},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, statusProblem(422, []byte(body)), body)
		})
	}
}

// shown checks a text that goes into logs and events.
func shown(t *testing.T, text string) {
	t.Helper()
	require.LessOrEqual(t, len(text), fieldLimit)
	require.True(t, utf8.ValidString(text))
	require.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
}

// FuzzProblem: whatever the API sends as an error, what is kept of it is short,
// fit to be shown, and has no query string of a URL.
func FuzzProblem(f *testing.F) {
	for _, seed := range []string{
		`{"type":"about:blank","title":"T","detail":"D","instance":"/i"}`, `{"title":7,"detail":{"a":[]},"type":null}`, `<html>`, ``, `"text"`, `null`, `[]`,
		`{"title":"see https://h/f?X-Amz-Signature=hunter2"}`, `{"type":"/p?x"}`, `{"title":"\u0000\u001b[31m\u202e"}`, `{"TITLE":"a","title":"b"}`, `{"extensions":{"retry_after":5}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, p := range []*job.Problem{statusProblem(422, raw), failedProblem(raw, problemDocument{}), failedProblem(nil, parseProblem(raw))} {
			if p == nil {
				continue
			}
			for _, text := range []string{p.Type, p.Title, p.Detail, p.Instance} {
				shown(t, text)
			}
			require.NotContains(t, p.Type+p.Instance, "?")
			_, err := json.Marshal(p)
			require.NoError(t, err)
		}
		d := bodyDelay(parseProblem(raw).Extensions)
		require.True(t, d >= 0 && d <= maxRetryAfter)
	})
}
