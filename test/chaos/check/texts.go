package check

import (
	"bufio"
	"errors"
	"io"
	"slices"
)

// maxLine is the longest line of a text that is searched, in bytes; a longer
// one makes its text count as not searched.
const maxLine = 16 << 20

// texts searches all of them for secrets and for signs of a crash. Where a
// secret stands is told, and how often, but not what it is.
func (j *judge) texts(n needles) {
	for _, text := range j.o.Texts {
		if err := j.search(n, text); err != nil {
			j.addf(NotSearched, "", "%s: %v", text.Name, err)
		}
	}
}

func (j *judge) search(n needles, text Text) (err error) {
	in, err := text.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	leaked, crashed, last := places{}, places{}, 0
	err = eachLine(in, func(number int, line []byte) {
		for _, what := range n.in(line) {
			leaked.add(what, number)
		}
		for _, what := range crashes(line) {
			crashed.add(what, number)
		}
		last = number
	})
	j.tell(SecretLeaked, text, leaked)
	j.tell(WorkerFailed, text, crashed)
	if last == 0 && err == nil {
		err = errors.New("it is empty")
	}
	return err
}

// places are the numbers of the lines in which something stands.
type places map[string][]int

func (p places) add(what string, line int) { p[what] = append(p[what], line) }

func (j *judge) tell(kind Kind, text Text, found places) {
	for _, what := range sorted(found) {
		j.addf(kind, "", "%s in %s, in %d lines, first in line %d", what, text.Name, len(found[what]), found[what][0])
	}
}

// eachLine calls look with each line, numbered from 1. A line of JSON is
// followed by the text in it as it reads.
func eachLine(r io.Reader, look func(number int, line []byte)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for number := 1; lines.Scan(); number++ {
		look(number, append(slices.Clip(lines.Bytes()), plainJSON(lines.Bytes())...))
	}
	return lines.Err()
}
