package plan

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"
)

// randomFor returns the random numbers of one part of a plan. Each part has its
// own, so that a change to one leaves the others as they were.
func randomFor(o Options, part string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, part) // a hash takes everything
	return rand.New(rand.NewPCG(o.Seed, h.Sum64()))
}

// between returns a time of at least low and below high. Of bounds in whole
// milliseconds it is one too: people read plans.
func between(random *rand.Rand, low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return (low + time.Duration(random.Int64N(int64(high-low)))).Truncate(time.Millisecond)
}

// slots cuts a time into equal parts and calls place with the bounds of each,
// in whole milliseconds. What happens at most once in each is spread, and
// random all the same.
func slots(count int, over time.Duration, place func(i int, begin, end time.Duration)) {
	bound := func(i int) time.Duration {
		return (over * time.Duration(i) / time.Duration(count)).Truncate(time.Millisecond)
	}
	for i := range count {
		place(i, bound(i), bound(i+1))
	}
}

// deck deals its cards in random order, each once before any comes again.
type deck[T any] struct {
	random *rand.Rand
	all    []T
	left   []T
}

func newDeck[T any](random *rand.Rand, cards ...T) *deck[T] {
	return &deck[T]{random: random, all: cards}
}

func (d *deck[T]) deal() T {
	if len(d.left) == 0 {
		d.left = append(d.left, d.all...)
		d.random.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	card := d.left[0]
	d.left = d.left[1:]
	return card
}
