package check

// proof holds the run itself to what it is for: one in which nothing happens,
// or nobody looks, finds nothing either.
func (j *judge) proof() {
	if j.unacknowledged() == len(j.o.Expected) {
		j.addf(NothingAcknowledged, "", "not one of %d jobs was submitted", len(j.o.Expected))
	}
	j.inflicted()
	j.watched()
	for _, stream := range []string{"JOBS", "JOBS_WAIT"} {
		if _, looked := j.o.Left[stream]; !looked {
			j.addf(NotLookedAt, "", "nobody knows what is left in %s", stream)
		}
	}
	if len(j.o.Texts) == 0 {
		j.addf(NotSearched, "", "there was no text to search")
	}
	if len(j.o.Secrets) == 0 {
		j.addf(NotSearched, "", "there was no secret to search for")
	}
}

// inflicted compares the faults with the plan.
func (j *judge) inflicted() {
	planned := 0
	for _, kind := range sorted(j.o.Planned) {
		planned += j.o.Planned[kind]
		if is, want := j.o.Faults[kind], j.o.Planned[kind]; is < want {
			j.addf(FaultMissing, "", "%s: %d of %d", kind, is, want)
		}
	}
	if planned == 0 {
		j.addf(FaultMissing, "", "no fault was planned")
	}
}

// watched demands a look at every object that stands, from when it appeared.
func (j *judge) watched() {
	seen := map[string]bool{}
	for _, s := range j.o.Sightings {
		seen[s.Key] = true
	}
	for _, object := range j.o.Objects {
		if !seen[object.Key] {
			j.addf(NotWatched, "", "%s stands and was not seen before", object.Key)
		}
	}
}
