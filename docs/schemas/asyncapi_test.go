package schemas_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// asyncAPI reads docs/asyncapi.yaml as what a JSON document of it would hold.
func asyncAPI(t *testing.T) map[string]any {
	t.Helper()
	content, err := os.ReadFile("../asyncapi.yaml")
	require.NoError(t, err)
	var read any
	require.NoError(t, yaml.Unmarshal(content, &read))
	plain, err := json.Marshal(read)
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	require.NoError(t, err)
	return document.(map[string]any)
}

// at returns the member of a document that a path of names leads to.
func at(t *testing.T, document any, path ...string) any {
	t.Helper()
	for _, name := range path {
		members, ok := document.(map[string]any)
		require.True(t, ok && members[name] != nil, "nothing at %s of %v", name, path)
		document = members[name]
	}
	return document
}

func TestAsyncAPIDocumentIsValid(t *testing.T) {
	t.Parallel()
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile("testdata/asyncapi-3.0.0.json")
	require.NoError(t, err)
	document := asyncAPI(t)
	require.NoError(t, schema.Validate(document))
	delete(document["info"].(map[string]any), "version")
	require.Error(t, schema.Validate(document), "the schema looks at the document at all")
}

// references lists the targets of all $ref members.
func references(part any) (targets []string) {
	switch part := part.(type) {
	case []any:
		for _, item := range part {
			targets = append(targets, references(item)...)
		}
	case map[string]any:
		for name, value := range part {
			if target, ok := value.(string); ok && name == "$ref" {
				targets = append(targets, target)
			}
			targets = append(targets, references(value)...)
		}
	}
	return targets
}

func TestReferencesOfTheAsyncAPIDocumentResolve(t *testing.T) {
	t.Parallel()
	document := asyncAPI(t)
	targets := references(document)
	require.NotEmpty(t, targets)
	for _, target := range targets {
		file, path, _ := strings.Cut(target, "#")
		var in any = document
		if file != "" {
			content, err := os.ReadFile("../" + file)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(content, &in))
		}
		if path != "" {
			at(t, in, strings.Split(strings.TrimPrefix(path, "/"), "/")...)
		}
	}
}

func TestExamplesOfTheAsyncAPIDocumentAreValid(t *testing.T) {
	t.Parallel()
	for name, message := range at(t, asyncAPI(t), "components", "messages").(map[string]any) {
		for _, example := range message.(map[string]any)["examples"].([]any) {
			header := map[string][]string{}
			for key, value := range at(t, example, "headers").(map[string]any) {
				header[key] = []string{value.(string)}
			}
			payload := at(t, example, "payload")
			body, err := json.Marshal(payload)
			require.NoError(t, err)
			switch name {
			case "event":
				require.NoError(t, load(t).CheckEvent(body))
				require.NoError(t, load(t).CheckEventHeaders(header))
			case "jobID":
				body = []byte(payload.(string))
				fallthrough
			default:
				require.NoError(t, load(t).CheckSubmission(body), name)
				require.NoError(t, load(t).CheckSubmissionHeaders(header), name)
			}
		}
	}
}

func TestAsyncAPIDocumentNamesTheWorkersSubjects(t *testing.T) {
	t.Parallel()
	subjects, err := broker.NewSubjects("jobs")
	require.NoError(t, err)
	want := []string{subjects.Submit(), subjects.SubmitJob("ID"), subjects.Rejected("JOBS", 7)}
	for _, outcome := range job.Outcomes() {
		if outcome != job.OutcomeRejected {
			want = append(want, subjects.Event(outcome, "ID"))
		}
	}
	var have []string
	fill := strings.NewReplacer("{jobID}", "ID", "{stream}", "JOBS", "{sequence}", "7")
	for _, channel := range at(t, asyncAPI(t), "channels").(map[string]any) {
		have = append(have, fill.Replace(at(t, channel, "address").(string)))
	}
	slices.Sort(want)
	slices.Sort(have)
	require.Equal(t, want, have)
}
