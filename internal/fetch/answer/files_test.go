package answer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/job"
)

func completed(result string) string {
	return `{"jobID":"the-job","status":"completed","result":` + result + `}`
}

func TestResultOfOneFile(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		completed(`{"file":{"URL":"https://h/x?sig=1","contentType":"application/pdf","new":[1]}}`),
		completed(`{"title":"x","files":null,"file":{"contentType":"application/pdf","URL":"https://h/x?sig=1"}}`),
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			answer, err := readJSON(t, body)
			require.NoError(t, err)
			require.Equal(t, job.KindFile, answer.Kind)
			require.Len(t, answer.Files, 1)
			require.Equal(t, "https://h/x?sig=1", answer.Files[0].URL.Reveal())
			require.Equal(t, "application/pdf", answer.Files[0].ContentType)
			require.Nil(t, answer.Files[0].DeclaredSize)
			require.Nil(t, answer.Files[0].PageCount)
		})
	}
}

func TestResultThatWasDeliveredElsewhere(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]job.Kind{
		`{"file":{"URL":null}}`:                               job.KindDelivered,
		`{"files":[{"URL":null},{"URL":null,"metadata":{}}]}`: job.KindDelivered,
		`{"files":[{"URL":null},{"URL":"https://h/2"}]}`:      job.KindFiles,
	} {
		t.Run(result, func(t *testing.T) {
			t.Parallel()
			answer, err := readJSON(t, completed(result))
			require.NoError(t, err, result)
			require.Equal(t, want, answer.Kind, result)
			require.Nil(t, answer.Payload)
		})
	}
}

func TestResultOfFilesThatIsMalformed(t *testing.T) {
	t.Parallel()
	for _, result := range []string{
		`{"file":"https://h/x"}`, `{"file":[{"URL":"https://h/x"}]}`,
		`{"file":{"URL":7}}`, `{"file":{"URL":{}}}`, `{"file":{"URL":false}}`, `{"files":{"URL":"https://h/x"}}`, `{"files":"x"}`,
		`{"files":[null]}`, `{"files":[[]]}`, `{"tables":[],"file":7}`,
		`{"file":{"URL":"https://h/x"},"files":[]}`, `{"file":{"URL":"https://h/1"},"file":{"URL":"https://h/2"}}`,
		`{"file":{"URL":"https://h/x","padding":"` + strings.Repeat("x", maxFileBytes) + `"}}`,
	} {
		t.Run(short(result), func(t *testing.T) {
			t.Parallel()
			_, err := readJSON(t, completed(result))
			fetchtest.RequireReason(t, err, job.ReasonResultInvalid)

			// What is wrong with a result counts only if the job is completed.
			answer, err := readJSON(t, `{"jobID":"the-job","result":`+result+`,"status":"running"}`)
			require.NoError(t, err, result)
			require.Equal(t, job.Running, answer.Verdict)
		})
	}
}

// TestResultThatIsNotThereYet: some APIs say completed a moment before.
func TestResultThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	for _, result := range []string{
		`null`, `{"file":null}`, `{"files":null}`, `{"file":{}}`, `{"file":{"URL":""}}`, `{"files":[{"URL":"https://h/x"},{}]}`, `{"files":[]}`,
	} {
		t.Run(result, func(t *testing.T) {
			t.Parallel()
			_, err := readJSON(t, completed(result))
			requireNotReady(t, err, result == `{"files":[]}`)
		})
	}
	_, err := readJSON(t, object(`"status":"completed"`))
	requireNotReady(t, err, false)
}

// requireNotReady checks that the job waits, and that only an empty list is a
// result if it stays so.
func requireNotReady(t *testing.T, err error, empty bool) {
	t.Helper()
	var known *job.Error
	require.ErrorAs(t, err, &known)
	require.Equal(t, job.ClassNotReady, known.Class)
	require.Equal(t, empty, known.Answer.Kind == job.KindFiles)
}

func TestMetadataIsNoReasonToLoseAFile(t *testing.T) {
	t.Parallel()
	for metadata, want := range map[string]string{
		`{"fileSizeBytes":102400,"pageCount":3}`: "102400 3", `{"fileSizeBytes":1.5e3,"pageCount":2.0}`: "1500 2",
		`{"fileSizeBytes":null,"pageCount":null}`: "- -", `{"fileSizeBytes":-1,"pageCount":1.5}`: "- -", `{"pageCount":1e300}`: "- -",
		`{"fileSizeBytes":"10","pageCount":7}`: "- 7", `null`: "- -", `[]`: "- -", `"x"`: "- -", `{}`: "- -", `{"fileSizeBytes":0}`: "0 -",
	} {
		t.Run(metadata, func(t *testing.T) {
			t.Parallel()
			answer, err := readJSON(t, completed(`{"file":{"URL":"https://h/x","contentType":7,"metadata":`+metadata+`}}`))
			require.NoError(t, err, metadata)
			file := answer.Files[0]
			size, pages := "-", "-"
			if file.DeclaredSize != nil {
				size = fmt.Sprint(*file.DeclaredSize)
			}
			if file.PageCount != nil {
				pages = fmt.Sprint(*file.PageCount)
			}
			require.Equal(t, want, size+" "+pages, metadata)
			require.Empty(t, file.ContentType)
		})
	}
}

func TestContentTypeMustBeOne(t *testing.T) {
	t.Parallel()
	for declared, want := range map[string]string{
		`"image/png"`: "image/png", `" text/csv; charset=utf-8 "`: "text/csv; charset=utf-8", `"pdf"`: "", `""`: "", `null`: "",
		`"a/b\r\nX-Evil: 1"`: "", `"text/plain; ="`: "", `"é/x"`: "", `"a/` + strings.Repeat("x", 300) + `"`: "",
	} {
		t.Run(short(declared), func(t *testing.T) {
			t.Parallel()
			answer, err := readJSON(t, completed(`{"file":{"URL":"https://h/x","contentType":`+declared+`}}`))
			require.NoError(t, err)
			require.Equal(t, want, answer.Files[0].ContentType, declared)
		})
	}
}

func TestResultOfVeryManyFiles(t *testing.T) {
	t.Parallel()
	list := func(n int) string {
		return completed(`{"files":[` + strings.TrimSuffix(strings.Repeat(`{"URL":"https://h/x"},`, n), ",") + `]}`)
	}
	answer, err := readJSON(t, list(maxFiles))
	require.NoError(t, err)
	require.Len(t, answer.Files, maxFiles)

	_, err = readJSON(t, list(maxFiles+1))
	fetchtest.RequireReason(t, err, job.ReasonResultTooLarge)

	_, err = readJSON(t, strings.TrimSuffix(list(maxFiles+1), "}"))
	fetchtest.RequireUnavailable(t, err)
}

func TestURLsDoNotPrint(t *testing.T) {
	t.Parallel()
	answer, err := readJSON(t, completed(`{"file":{"URL":"https://h/x?X-Amz-Signature=hunter2"}}`))
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", answer, answer, answer), "hunter2")
}
