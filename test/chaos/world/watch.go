package world

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Sighting is an object as it stood at one moment of the run.
type Sighting struct {
	Key      string
	Size     int64
	Checksum string // CRC64NVME as the store has it
	At       time.Time
}

// watcher lists the bucket all the time and looks at every object that it has
// not seen, so that a partial one is seen if it ever stands.
type watcher struct {
	client *s3.Client

	mu        sync.Mutex
	seen      map[string]string // key to ETag and time
	sightings []Sighting
}

func newWatcher(client *s3.Client) *watcher {
	return &watcher{client: client, seen: map[string]string{}}
}

const (
	// minRound is the least pause between two listings.
	minRound = 100 * time.Millisecond
	// restShare is how much longer a pause is than the listing before it, so
	// that watching a large bucket is not all that the machine does.
	restShare = 3
)

func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		w.round(ctx)
		pause(ctx, max(minRound, restShare*time.Since(began)))
	}
}

func (w *watcher) round(ctx context.Context) {
	objects, err := listObjects(ctx, w.client)
	if err != nil {
		return // the run ends, or the next round sees it
	}
	for _, object := range objects {
		w.look(ctx, object)
	}
}

func (w *watcher) look(ctx context.Context, object types.Object) {
	key, version := *object.Key, aws.ToString(object.ETag)+object.LastModified.String()
	w.mu.Lock()
	known := w.seen[key] == version
	w.mu.Unlock()
	if known {
		return
	}
	head, err := w.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: aws.String(Bucket), Key: &key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return // replaced at this moment: the next round sees it
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[key] = version
	w.sightings = append(w.sightings, Sighting{
		Key: key, Size: *head.ContentLength, Checksum: aws.ToString(head.ChecksumCRC64NVME), At: time.Now(),
	})
}

func (w *watcher) all() []Sighting {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sightings)
}

// listObjects lists the bucket.
func listObjects(ctx context.Context, client *s3.Client) ([]types.Object, error) {
	var objects []types.Object
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: aws.String(Bucket)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		objects = append(objects, page.Contents...)
	}
	return objects, nil
}
