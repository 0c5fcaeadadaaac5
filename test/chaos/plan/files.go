package plan

import (
	"math/rand/v2"

	"github.com/jobferry/jobferry/internal/simulator"
)

// Sizes in bytes.
const (
	maxSmall  = 200 << 10
	maxMedium = 8 << 20
	minLarge  = 16<<20 + 1 // more than one part of a multipart upload
	maxLarge  = 20 << 20

	// errorDocument is more than the file host's answer to a refused request.
	errorDocument = 512
)

// size is at least low and at most high, and rarely a round number.
func size(random *rand.Rand, low, high int64) int64 { return low + random.Int64N(high-low+1) }

// smallFile is one of a few types, with faults that fit its size.
func smallFile(random *rand.Rand, faults faultMaker) simulator.File {
	types := []simulator.File{
		{Name: "result.pdf", ContentType: "application/pdf", PageCount: 3},
		{Name: "page.png", ContentType: "image/png"},
		{Name: "letter.docx", ContentType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{Name: "drawing.dwf"}, // a type that says nothing: the extension is the URL's
	}
	f := types[random.IntN(len(types))]
	f.Size = size(random, 1<<10, maxSmall)
	f.Faults = faults(random, f.Size)
	return f
}

// faultMaker makes faults for the downloads of a file of a size. None of them
// keeps the file from arriving.
type faultMaker func(random *rand.Rand, size int64) simulator.Faults

// downloadFaults are all of them, and none.
func downloadFaults() []faultMaker {
	return []faultMaker{noFault, noFault, cutOnce, cutOften, truncated, expired, unavailable, noRange, noETag, slow, stalled}
}

func noFault(*rand.Rand, int64) simulator.Faults { return simulator.Faults{} }

func cutOnce(random *rand.Rand, size int64) simulator.Faults {
	return simulator.Faults{CutAt: []int64{1 + random.Int64N(size-1)}}
}

// cutOften cuts once in each third.
func cutOften(random *rand.Rand, size int64) simulator.Faults {
	third := size / 3
	var f simulator.Faults
	for i := range int64(3) {
		f.CutAt = append(f.CutAt, i*third+1+random.Int64N(third-1))
	}
	return f
}

// truncated loses the last bytes, once.
func truncated(random *rand.Rand, size int64) simulator.Faults {
	return simulator.Faults{CutAt: []int64{size - 1 - random.Int64N(lastBytes-1)}}
}

func expired(random *rand.Rand, _ int64) simulator.Faults {
	return simulator.Faults{Expired: 1 + random.IntN(2)}
}

func unavailable(random *rand.Rand, _ int64) simulator.Faults {
	return simulator.Faults{Unavailable: 1 + random.IntN(2)}
}

// noRange has to begin again after its cut.
func noRange(random *rand.Rand, size int64) simulator.Faults {
	f := cutOnce(random, size)
	f.NoRange = true
	return f
}

// noETag cannot be resumed safely either.
func noETag(random *rand.Rand, size int64) simulator.Faults {
	f := cutOnce(random, size)
	f.NoETag = true
	return f
}

// slow takes from a second to ten.
func slow(random *rand.Rand, size int64) simulator.Faults {
	return simulator.Faults{Rate: max(size/(1+random.Int64N(10)), 1)}
}

// stalled stops in the middle, once, until the client gives up.
func stalled(random *rand.Rand, size int64) simulator.Faults {
	return simulator.Faults{StallAt: []int64{1 + random.Int64N(size-1)}}
}

// Extra is what the faults of a file make necessary beyond one download of it:
// requests, and bytes of bodies.
func Extra(f simulator.File) (downloads int, bytes int64) {
	faults := f.Faults
	refused := max(faults.Expired, 0) + max(faults.Unavailable, 0)
	broken := append(append([]int64(nil), faults.CutAt...), faults.StallAt...)
	bytes = int64(refused) * errorDocument
	if faults.NoRange || faults.NoETag || f.Chunked {
		for _, at := range broken { // what came before is fetched again
			bytes += at
		}
	}
	return refused + len(broken), bytes
}
