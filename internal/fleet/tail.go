package fleet

import (
	"context"
	"fmt"

	"github.com/synadia-io/orbit.go/jetstreamext"
)

// Tail returns the last events, the oldest of them first: a limit of them at
// most, and only those after a sequence. With after 0, or one that the stream
// has not reached, it looks at whatever there is.
func (f *Fleet) Tail(ctx context.Context, after uint64, limit int) ([]Event, error) {
	stream, err := f.js.Stream(ctx, f.subjects.Events())
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", f.subjects.Events(), err)
	}
	last := stream.CachedInfo().State.LastSeq
	if last < after { // another stream by the same name
		after = 0
	}
	from := after + 1
	if most := uint64(max(limit, 0)); last >= most {
		from = max(from, last-most+1)
	}
	if from > last {
		return nil, nil
	}
	var events []Event
	for msg, err := range f.page(ctx, f.subjects.Events(), limit, f.subjects.AllEvents(), jetstreamext.GetBatchSeq(from)) {
		if err != nil {
			return nil, err
		}
		if e, err := readEvent(msg); err == nil {
			events = append(events, *e)
		}
	}
	return events, nil
}
