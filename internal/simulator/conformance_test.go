package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
)

func contract(t *testing.T) *simulator.Contract {
	t.Helper()
	c, err := simulator.LoadContract()
	require.NoError(t, err)
	return c
}

func checkResult(c *simulator.Contract, got reply) error {
	return c.CheckResult(got.request, got.status, got.header, got.body)
}

// size is a size for a payload that is more than its default.
const size = 20_000

// documentedJobs are all jobs whose answers the API's OpenAPI document knows.
func documentedJobs() map[string]simulator.Job {
	jobs := map[string]simulator.Job{
		"file":             {Kind: job.KindFile},
		"file, pages":      {Kind: job.KindFile, Files: []simulator.File{simulator.PDFFile(2)}},
		"file, bare":       {Kind: job.KindFile, Files: []simulator.File{{OmitSize: true, NoContentType: true}}},
		"file, barer":      {Kind: job.KindFile, Files: []simulator.File{{OmitMetadata: true}}},
		"files":            {Kind: job.KindFiles, Files: make([]simulator.File, 3)},
		"one of files":     {Kind: job.KindFiles, Files: make([]simulator.File, 1)},
		"no files":         {Kind: job.KindFiles, Files: []simulator.File{}},
		"partly delivered": {Kind: job.KindFiles, Files: []simulator.File{{}, {Delivered: true}}},
		"delivered":        {Kind: job.KindDelivered},
		"many delivered":   {Kind: job.KindDelivered, Files: make([]simulator.File, 2)},
		"canceled":         {Outcome: simulator.Canceled},
		"failed":           {Outcome: simulator.Failed},
		"never known":      {Outcome: simulator.Unknown},
		"running":          {Duration: simulator.Forever},
	}
	for _, kind := range payloadKinds() {
		if kind != job.KindJSON {
			jobs[string(kind)] = simulator.Job{Kind: kind}
			jobs[string(kind)+", long"] = simulator.Job{Kind: kind, PayloadSize: size, ResultFirst: true, Chunked: true}
		}
	}
	for _, kind := range []string{"BrokenDownloadURL", "ConversionFailed", "PDFIsPasswordProtected"} {
		e := simulator.JobError{Type: kind, Title: "A title"}
		jobs[kind] = simulator.Job{Outcome: simulator.Failed, Error: e}
		jobs[kind+" at top"] = simulator.Job{Outcome: simulator.Failed, Error: e, ErrorAtTop: true}
	}
	return jobs
}

// Every answer about a job, on both endpoints, is one that the documents know.
func TestAnswersConform(t *testing.T) {
	t.Parallel()
	c, held := start(t, simulator.Options{}), contract(t)
	for name, j := range documentedJobs() {
		j.ID = "conform"
		c.Add(j)
		got := c.poll(j.ID)
		require.NoError(t, checkResult(held, got), "%s: %s", name, got.body)
		got = c.status(j.ID)
		require.NoError(t, held.CheckStatus(got.request, got.status, got.header, got.body), "%s: %s", name, got.body)
	}
}

// So is every error that the document lists, and those that are reported.
func TestErrorsConform(t *testing.T) {
	t.Parallel()
	c, held := start(t, simulator.Options{}), contract(t)
	for _, status := range []int{400, 401, 403, 404, 410, 413, 422, 429, 500, 503} {
		c.Script("x", simulator.Problem(status))
		got := c.poll("x")
		require.Equal(t, status, got.status)
		require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
		require.NoError(t, checkResult(held, got), "%s", got.body)
		require.EqualValues(t, status, got.object(t)["status"])
	}
	c.Script("x", simulator.ThrottledInBody(3))
	require.NoError(t, checkResult(held, c.poll("x")))
}

// What the API is reported or said to do against its document: the simulator
// does it too, and the document is seen to object. If one of these conforms,
// the test of the others is worth nothing.
func TestKnownDeviations(t *testing.T) {
	t.Parallel()
	c, held := start(t, simulator.Options{}), contract(t)
	for name, j := range map[string]simulator.Job{
		"an open error type":       {Outcome: simulator.Failed, Error: simulator.JobError{Type: "PageLimitReached"}},
		"an object of no type":     {Kind: job.KindJSON},
		"a binary body":            {Kind: job.KindBinary, Files: []simulator.File{simulator.PNGFile()}},
		"running with status 200":  {Duration: simulator.Forever, RunningAs200: true},
		"a result of another type": {Kind: job.KindText, JSON: []byte(`42`)},
	} {
		j.ID = "deviant"
		c.Add(j)
		require.Error(t, checkResult(held, c.poll(j.ID)), name)
	}
}

// The test of the test: wrong answers are found.
func TestWrongAnswersAreFound(t *testing.T) {
	t.Parallel()
	c, held := start(t, simulator.Options{}), contract(t)
	for name, body := range map[string]string{
		"no such status":       `{"jobID":"a","status":"done"}`,
		"no JSON":              `{"jobID":"a"`,
		"a number as an ID":    `{"jobID":1,"status":"completed"}`,
		"a URL that is none":   `{"jobID":"a","status":"completed","result":{"file":{"URL":7}}}`,
		"size as text":         `{"jobID":"a","status":"completed","result":{"file":{"URL":null,"metadata":{"fileSizeBytes":"1"}}}}`,
		"files, not a list":    `{"jobID":"a","status":"completed","result":{"files":{}}}`,
		"file and files":       `{"jobID":"a","status":"completed","result":{"files":[],"file":{}}}`,
		"a table of nothing":   `{"jobID":"a","status":"completed","result":{"tables":[{}]}}`,
		"a box of two corners": `{"jobID":"a","status":"completed","result":{"textBoxes":[{"ID":"1","text":"","pageIndex":0,"boundingBox":[1,2]}]}}`,
		"no such PII":          `{"jobID":"a","status":"completed","result":{"PIIBoxes":[{"ID":"1","text":"","textPiece":"","pageIndex":0,"boundingBox":[1,2,3,4],"PIIType":"SHOE_SIZE","confidence":0.5}]}}`,
		"sure beyond doubt":    `{"jobID":"a","status":"completed","result":{"fields":[],"averageConfidence":101}}`,
		"half the properties":  `{"jobID":"a","status":"completed","result":{"title":"","author":""}}`,
	} {
		c.Script("a", simulator.JSON(body))
		require.Error(t, checkResult(held, c.poll("a")), name)
	}
	c.Script("a", simulator.Reply{Status: 404, ContentType: "application/json", Body: `{}`})
	require.Error(t, checkResult(held, c.poll("a")), "an error that is no problem document")
	c.Script("a", simulator.Problem(http.StatusTeapot))
	require.Error(t, checkResult(held, c.poll("a")), "a status that no document names")
	require.Error(t, held.CheckStatus(c.poll("a").request, 200,
		http.Header{"Content-Type": {"application/json"}}, []byte(`{"jobID":"a","status":"running"}`)), "no progress")
}

// The server finds its own wrong answers too: a token life of nothing is
// against the document.
func TestViolationsAreRecorded(t *testing.T) {
	t.Parallel()
	server, err := simulator.Start(simulator.Options{TokenLife: 1, ValidateAnswers: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	server.SetConditions(simulator.Conditions{Milliseconds: true}) // 0 of them
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.APIURL()+"/oauth/token",
		strings.NewReader(`{"clientID":"simulator","clientSecret":"simulated"}`))
	require.NoError(t, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Len(t, server.Record().Violations, 1)
	require.Contains(t, server.Record().Violations[0], "POST /oauth/token")
}

func TestTokensConform(t *testing.T) {
	t.Parallel()
	c, held := start(t, simulator.Options{}), contract(t)
	for i, conditions := range []simulator.Conditions{
		{}, {SnakeCase: true}, {Milliseconds: true}, {TokenDown: true},
	} {
		c.SetConditions(conditions)
		for _, secret := range []string{"simulated", "wrong"} {
			got := c.fetchToken("simulator", secret)
			require.NoError(t, held.CheckToken(got.request, got.status, got.header, got.body), fmt.Sprint(i, secret))
		}
	}
}
