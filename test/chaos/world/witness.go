package world

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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

// lookLimit bounds one look at an object.
const lookLimit = 30 * time.Second

// witness carries requests to the store, and looks at every object that one of
// them may have made, before the client has its answer and can replace it. So
// an object that is partial for a moment only is seen too. What two clients
// store under one key at the same time may be seen as the later one twice.
type witness struct {
	onward http.RoundTripper
	// head looks at one object. It is called from many goroutines.
	head func(ctx context.Context, key string) (Sighting, error)

	mu        sync.Mutex
	underWay  int // writes that have not been looked at
	sightings []Sighting
	problems  []error
}

// RoundTrip does not let a client that goes away end a write: the store may
// carry it out all the same, and nobody would look.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	key, writes := written(r)
	if !writes {
		return w.onward.RoundTrip(r)
	}
	w.begin()
	response, err := w.onward.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
	w.look(key, err == nil && response.StatusCode == http.StatusOK)
	return response, err
}

// written is the key of the object that a request makes whole: by a single put,
// or by the completion of a multipart upload.
func written(r *http.Request) (key string, writes bool) {
	_, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	upload := r.URL.Query().Has("uploadId")
	return key, key != "" && (r.Method == http.MethodPut && !upload || r.Method == http.MethodPost && upload)
}

func (w *witness) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.underWay++
}

// look is for writes that failed as well: the store may have done what it did
// not confirm. Only what it has confirmed has to be there.
func (w *witness) look(key string, confirmed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	seen, err := w.head(ctx, key)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.underWay--
	var missing *types.NotFound
	switch {
	case err == nil:
		w.sightings = append(w.sightings, seen)
	case confirmed || !errors.As(err, &missing):
		w.problems = append(w.problems, fmt.Errorf("look at %s: %w", key, err))
	}
}

// all waits for the writes that are under way.
func (w *witness) all(ctx context.Context) ([]Sighting, error) {
	err := until(ctx, "a write to the store does not end", func(context.Context) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.underWay == 0
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sightings), errors.Join(append(slices.Clone(w.problems), err)...)
}

// head looks at an object past the frontend.
func (s *store) head(ctx context.Context, key string) (Sighting, error) {
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: aws.String(Bucket), Key: &key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return Sighting{}, err
	}
	return Sighting{
		Key: key, Size: aws.ToInt64(head.ContentLength), Checksum: aws.ToString(head.ChecksumCRC64NVME), At: time.Now(),
	}, nil
}
