package report

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/jobferry/jobferry/test/bench/figures"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// Save writes everything into a folder: runs.json and runs.csv with every run,
// and table.md.
func (r Report) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	return errors.Join(
		inFile(filepath.Join(dir, "runs.json"), r.json),
		inFile(filepath.Join(dir, "runs.csv"), r.csv),
		inFile(filepath.Join(dir, "table.md"), func(f *os.File) error { return r.Markdown(f) }),
	)
}

func inFile(path string, write func(*os.File) error) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func (r Report) json(file *os.File) error {
	encoder := json.NewEncoder(file)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// columns are what the CSV has of each run; its numbers are in seconds and
// bytes.
func columns() []figures.Figure {
	list := []figures.Figure{
		figures.JobsRate(), figures.BytesRate(), figures.CPU(), figures.Memory(),
		figures.Elapsed(), figures.P50(), figures.P99(),
	}
	for _, server := range []string{servers.NATS, servers.Store, servers.API} {
		list = append(list, figures.ServerCPU(server), figures.ServerMemory(server))
	}
	return list
}

func (r Report) csv(file *os.File) error {
	out := csv.NewWriter(file)
	names := []string{"workload", "program", "run", "jobs"}
	for _, column := range columns() {
		names = append(names, column.Name)
	}
	_ = out.Write(names) // its error is kept for the end
	for _, row := range r.Rows {
		writeSamples(out, row.Workload, "worker", row.Worker)
		writeSamples(out, row.Workload, "baseline", row.Baseline)
	}
	out.Flush()
	return out.Error()
}

func writeSamples(out *csv.Writer, workload, program string, samples []figures.Sample) {
	for i, s := range samples {
		line := []string{workload, program, strconv.Itoa(i + 1), strconv.Itoa(s.Jobs)}
		for _, column := range columns() {
			line = append(line, strconv.FormatFloat(column.Of(s), 'g', 6, 64))
		}
		_ = out.Write(line) // its error is kept for the end
	}
}
