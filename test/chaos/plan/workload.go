package plan

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	// roundLength is how many jobs have one of the costly shapes each.
	roundLength = 400
	// crowd is how many jobs in a row may come at the same moment.
	crowd = 25
	// crowdEvery is the number of crowds of which one does.
	crowdEvery = 4
)

// Workload is what is submitted, by the time of its first publish. The content
// of its files is computed when it is read, never held. The options have to be
// valid.
func Workload(o Options) []Submission {
	random := randomFor(o, "workload")
	rounds := newRounds(random)
	all := make([]Submission, o.Jobs)
	for i := range all {
		all[i] = submission(o, random, i, rounds.next())
	}
	slices.SortStableFunc(all, func(a, b Submission) int { return cmp.Compare(a.At[0], b.At[0]) })
	return all
}

// rounds deal the shapes: first each of them once, so that a short run has
// them all, then cheap ones up to the length of a round.
type rounds struct {
	every, cheap *deck[shape]
	dealt, all   int
}

func newRounds(random *rand.Rand) *rounds {
	cheap := cheapShapes()
	every := slices.Concat(cheap, costlyShapes())
	return &rounds{every: newDeck(random, every...), cheap: newDeck(random, cheap...), all: len(every)}
}

func (r *rounds) next() shape {
	at := r.dealt % roundLength
	r.dealt++
	if at < r.all {
		return r.every.deal()
	}
	return r.cheap.deal()
}

// submission makes the job of a shape, and decides how it is submitted.
func submission(o Options, random *rand.Rand, i int, design shape) Submission {
	id := jobID(random, i)
	s := Submission{Job: design(random), At: times(o, random, i), Subject: SubmitSubject, WithID: random.IntN(2) == 0}
	s.Job.ID = id
	if random.IntN(2) == 0 {
		s.Subject += "." + id
	}
	if s.Job.Duration < 0 { // not set by the shape
		s.Job.Duration = duration(o, random)
	}
	s.Job.RunningAs200 = random.IntN(4) == 0
	return s.addressed(random, i)
}

// addressed chooses between the two forms of a submission. A job that only its
// deadline ends has to name one.
func (s Submission) addressed(random *rand.Rand, i int) Submission {
	if s.endless() {
		s.Deadline = between(random, minDeadline, maxDeadline)
	}
	if s.Plain = s.Deadline == 0 && random.IntN(3) == 0; s.Plain {
		return s
	}
	prefixes := []string{"", "", "tenant-a/", "tenant-b/2026/", "no-folder-"}
	s.Prefix = prefixes[random.IntN(len(prefixes))]
	if random.IntN(2) == 0 {
		s.Metadata = map[string]string{"orderID": fmt.Sprint(i), "Customer": "Fähre & Söhne", "note_1": `quotes " and = signs; %41`}
	}
	return s
}

// jobID makes an ID of one of the forms that there may be, the number is in
// each.
func jobID(random *rand.Rand, i int) string {
	const longest = 128
	switch random.IntN(5) {
	case 0:
		return fmt.Sprint(1_000_000 + i) // like a sequence number
	case 1:
		return fmt.Sprintf("%08x-0000-4000-8000-%012d", random.Uint32(), i)
	case 2:
		id := fmt.Sprintf("Job_%d_", i)
		return id + strings.Repeat("x", longest-len(id))
	default:
		return fmt.Sprintf("chaos-%06d", i)
	}
}

// duration is how long the API takes: nothing, a few seconds, or up to 40 s,
// in a short run less.
func duration(o Options, random *rand.Rand) time.Duration {
	longest := min(40*time.Second, o.Over()/3)
	switch n := random.IntN(10); {
	case n < 3:
		return 0
	case n < 7:
		return between(random, 0, longest/8)
	default:
		return between(random, longest/8, longest)
	}
}

const (
	// dedupWindow is how long the broker knows a message's ID by default.
	dedupWindow = 2 * time.Minute
	// duplicatesIn is the number of jobs of which one is submitted again.
	duplicatesIn = 8
)

// times are when a job is published. The last tenth of a run is left to
// duplicates and to the faults alone.
func times(o Options, random *rand.Rand, i int) []time.Duration {
	window := o.Over() * 9 / 10
	if group := i / crowd; group%crowdEvery == 0 {
		i = group * crowd
	}
	at := (window * time.Duration(i) / time.Duration(o.Jobs)).Truncate(time.Millisecond)
	all := []time.Duration{at}
	if random.IntN(duplicatesIn) != 0 {
		return all
	}
	for range 1 + random.IntN(2) {
		all = append(all, min(at+gap(random), max(at, o.Over())))
	}
	slices.Sort(all)
	return all
}

// gap is the time to a duplicate: while the job is in hand, while it waits, or
// when the broker has forgotten the message's ID.
func gap(random *rand.Rand) time.Duration {
	switch random.IntN(3) {
	case 0:
		return between(random, 0, time.Second)
	case 1:
		return between(random, time.Second, dedupWindow)
	default:
		return between(random, dedupWindow, dedupWindow+time.Minute)
	}
}
