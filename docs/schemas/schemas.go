// Package schemas embeds the JSON Schemas of what goes into a worker and what
// comes out of it, and checks messages against them. The worker does not use
// it: the tests hold every message that they see against it, and a Go program
// that produces or subscribes may do the same.
package schemas

import (
	"bytes"
	"embed"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed *.json
var files embed.FS

// base is where the schemas refer to each other; nothing is fetched from there.
const base = "file:///schemas/"

// Set is the compiled schemas. It is safe for use by many goroutines.
type Set struct {
	submission, event, objects      *jsonschema.Schema
	submissionHeaders, eventHeaders *jsonschema.Schema
}

// Load compiles the schemas, once in a process.
var Load = sync.OnceValues(load)

func load() (*Set, error) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list the schemas: %w", err)
	}
	for _, entry := range entries {
		if err := add(compiler, entry.Name()); err != nil {
			return nil, err
		}
	}
	set := &Set{}
	for name, schema := range map[string]**jsonschema.Schema{
		"submission.json": &set.submission, "event.json": &set.event, "objects.json": &set.objects,
		"submission-headers.json": &set.submissionHeaders, "event-headers.json": &set.eventHeaders,
	} {
		if *schema, err = compiler.Compile(base + name); err != nil {
			return nil, fmt.Errorf("compile schema %s: %w", name, err)
		}
	}
	return set, nil
}

func add(compiler *jsonschema.Compiler, name string) error {
	content, err := files.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read schema %s: %w", name, err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("read schema %s: %w", name, err)
	}
	if err := compiler.AddResource(base+name, document); err != nil {
		return fmt.Errorf("add schema %s: %w", name, err)
	}
	return nil
}

// CheckSubmission says what is wrong with the body of a submission in either
// form; nil if nothing is. Four rules are beyond a schema: the size of
// metadata in bytes, its keys being unique ignoring case, and which buckets and
// tags a worker's settings allow.
func (s *Set) CheckSubmission(body []byte) error {
	body = bytes.TrimSpace(body)
	if bytes.HasPrefix(body, []byte("{")) {
		return check(s.submission, body)
	}
	return s.submission.Validate(string(body))
}

// CheckEvent says what is wrong with the body of an event; nil if nothing is.
func (s *Set) CheckEvent(body []byte) error { return check(s.event, body) }

// CheckManifest says what is wrong with the content of a manifest; nil if
// nothing is.
func (s *Set) CheckManifest(content []byte) error { return check(s.objects, content) }

// CheckSubmissionHeaders says what is wrong with the NATS headers of a
// submission; nil if nothing is.
func (s *Set) CheckSubmissionHeaders(header map[string][]string) error {
	return s.submissionHeaders.Validate(firstValues(header))
}

// CheckEventHeaders says what is wrong with the NATS headers of an event; nil if
// nothing is.
func (s *Set) CheckEventHeaders(header map[string][]string) error {
	return s.eventHeaders.Validate(firstValues(header))
}

// firstValues are what a reader of headers gets to see.
func firstValues(header map[string][]string) map[string]any {
	first := make(map[string]any, len(header))
	for name, values := range header {
		if len(values) > 0 {
			first[name] = values[0]
		}
	}
	return first
}

func check(schema *jsonschema.Schema, body []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("not readable as JSON: %w", err)
	}
	return schema.Validate(value)
}
