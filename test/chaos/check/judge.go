package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// judge collects what is wrong with one run. Each of its parts looks at one
// promise and leaves to the others what is theirs, so that one mistake is
// found once.
type judge struct {
	o          Observation
	violations []Violation

	verdicts map[string]eventData // by job ID: its first event that can be read
	spoken   map[string]bool      // jobs with any event, readable or not
	stored   map[string]Object    // by key
}

// Run judges a run. It reads the texts of the observation to their end.
func Run(o Observation) Report {
	j := &judge{o: o, verdicts: map[string]eventData{}, spoken: map[string]bool{}, stored: map[string]Object{}}
	for _, object := range o.Objects {
		j.stored[object.Key] = object
	}
	needles, err := newNeedles(o.Secrets, o.Patterns)
	if err != nil {
		j.addf(NotSearched, "", "%v", err)
	}
	j.events()
	j.outcomes()
	j.objects()
	j.strays()
	j.sightings()
	j.leftovers()
	j.secrets(needles)
	j.texts(needles)
	j.ends()
	j.proof()
	return j.report(needles)
}

func (j *judge) addf(kind Kind, jobID, format string, args ...any) {
	j.violations = append(j.violations, Violation{Kind: kind, JobID: jobID, Detail: fmt.Sprintf(format, args...)})
}

// report puts the violations in order: by kind, then by job. What they quote
// comes from the program that is judged, and may have a secret in it.
func (j *judge) report(needles needles) Report {
	for i := range j.violations {
		v := &j.violations[i]
		v.JobID, v.Detail = needles.cover(v.JobID), needles.cover(v.Detail)
	}
	order := Kinds()
	slices.SortStableFunc(j.violations, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), cmp.Compare(a.JobID, b.JobID))
	})
	return Report{
		Jobs: len(j.o.Expected), Unacknowledged: j.unacknowledged(),
		WorkerKills: j.o.WorkerKills, NodeKills: j.o.NodeKills, Faults: maps.Clone(j.o.Faults), Took: j.o.Took,
		Violations: j.violations, Doubled: doubled(j.o),
	}
}

func (j *judge) unacknowledged() int {
	count := 0
	for id := range j.o.Expected {
		if j.o.Acknowledged[id] == 0 {
			count++
		}
	}
	return count
}

// sorted are the keys of a map, in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// leftovers are what should not be there when all is settled.
func (j *judge) leftovers() {
	for _, key := range j.o.Orphans {
		j.addf(UploadOrphaned, "", "a multipart upload of %s was never ended", key)
	}
	for _, stream := range sorted(j.o.Left) {
		if count := j.o.Left[stream]; count > 0 {
			j.addf(MessageLeft, "", "%d messages are left in %s", count, stream)
		}
	}
	if j.o.Authorizations > 0 {
		j.addf(TokenAtFileHost, "", "%d requests to the file host had an Authorization header", j.o.Authorizations)
	}
}
