package consumer

import (
	"testing"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/job/sourcetest"
)

func TestManifestIsASource(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, []byte(`[{}]`), func(*testing.T) job.Source { return newManifest([]byte(`[{}]`)) })
}
