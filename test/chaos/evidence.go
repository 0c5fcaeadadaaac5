package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jobferry/jobferry/test/chaos/check"
	"github.com/jobferry/jobferry/test/chaos/plan"
	"github.com/jobferry/jobferry/test/chaos/world"
)

// save writes down, beside the logs, what the judgment was made from.
func save(s settings, e world.Evidence, report check.Report) error {
	return errors.Join(
		saveLines(filepath.Join(s.dir, "faults.jsonl"), plan.Faults(s.plan)),
		saveLines(filepath.Join(s.dir, "events.jsonl"), e.Events),
		saveLines(filepath.Join(s.dir, "sightings.jsonl"), e.Sightings),
		saveLines(filepath.Join(s.dir, "objects.jsonl"), e.Objects),
		saveLines(filepath.Join(s.dir, "violations.jsonl"), report.Violations),
		saveLines(filepath.Join(s.dir, "record.jsonl"), []any{e.Record}),
	)
}

// saveLines writes one JSON document a line.
func saveLines[T any](file string, values []T) error {
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("keep the evidence: %w", err)
	}
	encoder := json.NewEncoder(out)
	for _, value := range values {
		if err := encoder.Encode(value); err != nil {
			return errors.Join(fmt.Errorf("keep the evidence in %s: %w", file, err), out.Close())
		}
	}
	return out.Close()
}
