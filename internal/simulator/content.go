package simulator

import (
	"encoding/binary"
	"hash/fnv"
	"io"
)

// Content is the bytes of a file or payload: of known size, readable from any
// place, by any number of readers at once, and the same bytes every time.
// Nothing says that they are held in memory. *bytes.Reader, *strings.Reader
// and *io.SectionReader are Contents too.
type Content interface {
	io.ReaderAt
	Size() int64 // bytes
}

// Open returns a reader of the whole content, for hashing and comparing.
func Open(c Content) *io.SectionReader { return io.NewSectionReader(c, 0, c.Size()) }

// Noise returns size bytes that follow from the seed alone and do not
// compress. Every place of it can be computed without the ones before, so a
// file of many GiB costs no memory and a checker can hash it by itself.
func Noise(seed string, size int64) Content {
	return noise{key: fingerprint(seed), size: size}
}

func fingerprint(s string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, s) // a hash takes everything
	return h.Sum64()
}

// FileContent is the content of a job's file that names none of its own.
func FileContent(jobID string, index int, size int64) Content {
	return Noise(fileSeed(jobID, index), size)
}

type noise struct {
	key  uint64
	size int64
}

func (n noise) Size() int64 { return n.size }

func (n noise) ReadAt(p []byte, off int64) (int, error) {
	return readWhole(p, off, n.size, n.fill)
}

const word = 8 // bytes of noise that are computed at once

func (n noise) fill(p []byte, off int64) {
	if within := off % word; within != 0 {
		var one [word]byte
		binary.LittleEndian.PutUint64(one[:], mix(n.state(off)))
		done := copy(p, one[within:])
		p, off = p[done:], off+int64(done)
	}
	state := n.state(off)
	for ; len(p) >= word; p = p[word:] {
		binary.LittleEndian.PutUint64(p, mix(state))
		state += weyl
	}
	var last [word]byte
	binary.LittleEndian.PutUint64(last[:], mix(state))
	copy(p, last[:])
}

// state is the generator's state for the word at an offset. The generator is
// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
// generators, 2014), whose state is no more than a counter.
func (n noise) state(off int64) uint64 {
	return n.key + uint64(off/word)*weyl //nolint:gosec // off is an offset, never negative
}

const weyl = 0x9e3779b97f4a7c15

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// rows is a content of equally wide rows, each computed from its number.
type rows struct {
	count int64
	width int
	// render appends row i to dst; it may be shorter than width and is then
	// filled up with spaces, which JSON allows between values.
	render func(dst []byte, i int64) []byte
}

func (r rows) Size() int64 { return r.count * int64(r.width) }

func (r rows) ReadAt(p []byte, off int64) (int, error) {
	return readWhole(p, off, r.Size(), r.fill)
}

func (r rows) fill(p []byte, off int64) {
	width := int64(r.width)
	row := make([]byte, 0, r.width)
	for len(p) > 0 {
		row = r.render(row[:0], off/width)
		for len(row) < r.width {
			row = append(row, ' ')
		}
		done := copy(p, row[off%width:])
		p, off = p[done:], off+int64(done)
	}
}

// joined is several contents one after the other.
type joined []Content

func (j joined) Size() int64 {
	var size int64
	for _, part := range j {
		size += part.Size()
	}
	return size
}

func (j joined) ReadAt(p []byte, off int64) (int, error) {
	total := 0
	for _, part := range j {
		size := part.Size()
		if off >= size {
			off -= size
			continue
		}
		want := min(int64(len(p)-total), size-off)
		n, err := part.ReadAt(p[total:total+int(want)], off)
		total += n
		if int64(n) < want {
			return total, err
		}
		off = 0
		if total == len(p) {
			return total, nil
		}
	}
	return total, io.EOF
}

// readWhole keeps the contract of io.ReaderAt around a fill that cannot fail.
func readWhole(p []byte, off, size int64, fill func([]byte, int64)) (int, error) {
	if off >= size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), size-off))
	fill(p[:n], off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
