package sink

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/job"
)

func TestLocate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		prefix string
		job    job.Job
		name   string
		src    *source
		want   string
	}{
		"plain":           {"", job.Job{ID: "j1"}, "result", pdf(nil, 0), "s3://own/j1/result.pdf"},
		"both prefixes":   {"env/", job.Job{ID: "j1", Prefix: "t/2026/"}, "result-001", pdf(nil, 0), "s3://own/env/t/2026/j1/result-001.pdf"},
		"literal":         {"env-", job.Job{ID: "j1", Prefix: "t_"}, "result", pdf(nil, 0), "s3://own/env-t_j1/result.pdf"},
		"another bucket":  {"", job.Job{ID: "j1", Bucket: "their"}, "result", pdf(nil, 0), "s3://their/j1/result.pdf"},
		"extension of it": {"", job.Job{ID: "j1"}, "result", &source{contentType: "x/y", ext: ".foo"}, "s3://own/j1/result.foo"},
		"no extension":    {"", job.Job{ID: "j1"}, "objects", &source{contentType: "x/y"}, "s3://own/j1/objects.bin"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &Store{cfg: Config{Bucket: "own", Prefix: c.prefix}}
			require.Equal(t, c.want, store.locate(c.job, c.name, c.src).String())
		})
	}
}

func BenchmarkLocate(b *testing.B) {
	store := &Store{cfg: Config{Bucket: "own", Prefix: "env/"}}
	j := job.Job{ID: "0f8fad5b-d9cb-469f-a165-70867728950e", Prefix: "tenant-a/2026/"}
	src := &source{contentType: "application/pdf"}
	b.ReportAllocs()
	for b.Loop() {
		store.locate(j, "result", src)
	}
}
