package consumer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/jobferry/jobferry/internal/job"
)

// maxEventBytes is the largest event that is published with its objects in it.
const maxEventBytes = 256 << 10

// fit moves the objects of a job of very many files into a manifest, stored
// before the event, when the event would be too large with them.
func (w *Worker) fit(ctx context.Context, j job.Job, event job.EventData) (job.EventData, error) {
	list, err := json.Marshal(event.Objects)
	if err != nil {
		return job.EventData{}, fmt.Errorf("encode the objects of job %s: %w", j.ID, err)
	}
	if len(list)+maxSubmissionBytes <= maxEventBytes {
		return event, nil
	}
	stored, err := w.store.Put(ctx, j, "objects", newManifest(list))
	if err != nil {
		return job.EventData{}, err
	}
	event.ObjectCount = len(event.Objects)
	event.Objects = nil
	event.Manifest = &job.Manifest{Bucket: stored.Bucket, Key: stored.Key}
	return event, nil
}

// maxSubmissionBytes is more than an event carries beside its objects: members
// of fixed size, and the metadata, whose bytes JSON may write as six each.
const maxSubmissionBytes = 16 << 10

// manifest is the list as a source. It lives in memory: the list already does.
type manifest struct {
	*bytes.Reader
}

func newManifest(list []byte) *manifest { return &manifest{bytes.NewReader(list)} }

func (m *manifest) Size() int64       { return m.Reader.Size() }
func (*manifest) ContentType() string { return "application/json" }
func (*manifest) Ext() string         { return ".json" }
func (*manifest) Close() error        { return nil }
