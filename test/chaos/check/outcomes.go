package check

import (
	"maps"
	"slices"
)

// events reads the events stream: each event is well formed and of a job of
// the workload, and each job has one.
func (j *judge) events() {
	var last uint64
	for _, e := range j.o.Events {
		id, data, err := readEvent(e)
		if err != nil {
			j.addf(EventMalformed, id, "event %d: %v", e.Sequence, err)
		}
		if e.Sequence <= last {
			j.addf(EventMalformed, id, "event %d comes after event %d", e.Sequence, last)
		}
		j.gap(last, e.Sequence)
		last = max(last, e.Sequence)
		j.assign(e, id, data)
	}
	j.gap(last, j.o.LastEvent+1)
	for _, id := range sorted(j.o.Acknowledged) {
		if j.o.Acknowledged[id] > 0 && !j.spoken[id] {
			j.addf(EventMissing, id, "its submission was acknowledged %d times", j.o.Acknowledged[id])
		}
	}
}

// gap is between two events where others stood: the broker numbers what it
// stores and nothing else, a publish that it refuses takes no number.
func (j *judge) gap(before, after uint64) {
	if after > before+1 {
		j.addf(EventVanished, "", "events %d to %d do not stand any more", before+1, after-1)
	}
}

// assign gives an event to its job. The first one is the one to judge.
func (j *judge) assign(e Event, id string, data eventData) {
	if _, known := j.o.Expected[id]; !known {
		j.addf(EventUnknown, id, "event %d on %s", e.Sequence, e.Subject)
		return
	}
	if j.spoken[id] {
		j.addf(EventTwice, id, "event %d on %s is not its first", e.Sequence, e.Subject)
		return
	}
	j.spoken[id] = true
	if data.Status != "" { // or it could not be read
		j.verdicts[id] = data
	}
}

// outcomes compares what the events say with what was to be expected.
func (j *judge) outcomes() {
	for _, id := range sorted(j.verdicts) {
		j.outcome(id, j.o.Expected[id], j.verdicts[id])
	}
}

func (j *judge) outcome(id string, want Expectation, is eventData) {
	if is.Status != want.Outcome {
		j.addf(WrongOutcome, id, "it is %s (%s), not %s", is.Status, is.Reason, want.Outcome)
		return
	}
	if is.Reason != "" && is.Status == failed && !slices.Contains(want.Reasons, is.Reason) {
		j.addf(WrongReason, id, "it failed for %s, not for one of %v", is.Reason, want.Reasons)
	}
	if !maps.Equal(is.Metadata, want.Metadata) {
		j.addf(WrongMetadata, id, "the event's metadata is %q, not %q", is.Metadata, want.Metadata)
	}
	if is.Status != completed {
		return
	}
	if is.Kind != want.Kind {
		j.addf(WrongKind, id, "it is of kind %q, not %q", is.Kind, want.Kind)
	}
	j.list(id, want.Objects, is.Objects)
}

// list compares the event's list of objects with the one to be expected, in
// its order.
func (j *judge) list(id string, want []ExpectedObject, is []eventObject) {
	if len(is) != len(want) {
		j.addf(WrongObjects, id, "the event names %d objects, not %d", len(is), len(want))
		return
	}
	for i, w := range want {
		claim := is[i]
		sum := w.CRC64NVME
		if sum == "" {
			sum = j.stored[w.Key].CRC64NVME
		}
		expected := eventObject{Bucket: j.o.Bucket, Key: w.Key, Size: w.Size, ContentType: w.ContentType, Checksum: sum, ETag: claim.ETag}
		if object, there := j.stored[w.Key]; there {
			expected.ETag = object.ETag
		}
		if claim != expected {
			j.addf(WrongObjects, id, "the event names object %d as %+v, not as %+v", i+1, claim, expected)
		}
	}
}
