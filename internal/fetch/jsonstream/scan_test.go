package jsonstream

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// scanAll feeds a document in pieces of the given size and reports whether it
// is one valid value and nothing else.
func scanAll(document string, piece int) (bool, error) {
	document = strings.TrimRight(document, " \t\r\n")
	var s scanner
	for at := 0; at < len(document); {
		n, err := s.feed([]byte(document[at:min(at+piece, len(document))]))
		if err != nil {
			return false, err
		}
		at += n
		if s.state == finished {
			return at == len(document), nil
		}
	}
	return s.end(), nil
}

var documents = []string{
	// values
	`null`, `true`, `false`, `""`, `{}`, `[]`, ` {} `, "\t[\r\n]", `"a"`, `0`, `-0`, `12`, `-1.5e+10`, `1E-2`, `0.0`, `1e5`,
	`{"a":1,"b":[1,2,{"c":null}]}`, `[[[]],{}]`, `{"a":{"b":{"c":[true,false]}}}`, `{"":""}`, `[1 , 2]`, `{"a" : 1}`,
	`"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`, "\"\xff\xfe\"", "\"\u2028\"", `"\u0000"`,
	// not values
	``, ` `, `nul`, `nulll`, `True`, `tru e`, `{`, `}`, `[`, `]`, `{]`, `[}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[,1]`, `{,}`,
	`{a:1}`, `{'a':1}`, `{"a":1 "b":2}`, `[1 2]`, `"`, `"a`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"\x00\"", `"a" "b"`, `{}{}`, `1 2`,
	`01`, `-`, `+1`, `.5`, `1.`, `1.e1`, `1e`, `1e+`, `--1`, `0x10`, `1_000`, `NaN`, `Infinity`, `-Infinity`, `//`, "\ufeff{}",
}

func TestScannerAgreesWithTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for _, document := range documents {
		for _, piece := range []int{1, 2, 3, 1024} {
			got, err := scanAll(document, piece)
			require.Equal(t, json.Valid([]byte(document)), got, "%q in pieces of %d: %v", document, piece, err)
		}
	}
}

func TestScannerTakesOnlyItsValue(t *testing.T) {
	t.Parallel()
	for value, rest := range map[string]string{
		`{"a":"}"}`: `,"b":1}`, `[1]`: `]`, `"x\""`: `"`, `12`: `,3`, `1.5`: `}`, `true`: `e`, `0`: `1`,
	} {
		var s scanner
		n, err := s.feed([]byte(value + rest))
		require.NoError(t, err)
		require.Equal(t, len(value), n, value+rest)
		require.Equal(t, finished, s.state)
	}
}

func TestScannerLimitsDepth(t *testing.T) {
	t.Parallel()
	for _, open := range []string{"[", `{"a":`} {
		closing := map[string]string{"[": "]", `{"a":`: "}"}[open]
		deep := func(n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(closing, n) }

		ok, err := scanAll(deep(MaxDepth), 7)
		require.NoError(t, err)
		require.True(t, ok)

		_, err = scanAll(deep(MaxDepth+1), 7)
		require.ErrorIs(t, err, ErrDepth)
	}
}

func TestScannerKnowsItsContainersAtEveryDepth(t *testing.T) {
	t.Parallel()
	// Arrays and objects in turn, so that a bit that is kept wrongly shows.
	var open, closing strings.Builder
	for i := range MaxDepth / 2 {
		open.WriteString(`[{"a":`)
		closing.WriteString(`}]`)
		ok, err := scanAll(open.String()+"1"+closing.String(), 64)
		require.NoError(t, err)
		require.True(t, ok, i)
	}
}

func TestScannerNotesItsOwnMembersOnly(t *testing.T) {
	t.Parallel()
	fits, long := strings.Repeat("x", 128), strings.Repeat("x", 129)
	for document, want := range map[string][]string{
		`{"file":1,"x":{"files":2},"y":["tables"]}`: {"file", "x", "y"},
		`{"tab\u006ces":[],"textBoxes":"fields"}`:   {"tables", "textBoxes"},
		`{"\u0061\u0076g":1,"":2,"\"":3}`:           {"avg", "", `"`},
		`[{"file":1}]`:                              nil,
		`{"` + long + `":1,"` + fits + `":2}`:       {fits},
		`{"a":[{"b":{}}],"PIIBoxes":null}`:          {"a", "PIIBoxes"},
	} {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			for piece := 1; piece < 5; piece++ {
				var seen []string
				s := scanner{onName: func(name string) { seen = append(seen, name) }}
				for rest := []byte(document); len(rest) > 0; {
					n, err := s.feed(rest[:min(piece, len(rest))])
					require.NoError(t, err)
					rest = rest[n:]
				}
				require.Equal(t, want, seen)
			}
			var seen []string
			for n := range document {
				seen = nil
				require.NoError(t, ScanNames([]byte(document[:n+1]), func(name string) { seen = append(seen, name) }))
			}
			require.Equal(t, want, seen)
		})
	}
}

func FuzzScanner(f *testing.F) {
	for _, document := range documents {
		f.Add(document, 3)
	}
	f.Fuzz(func(t *testing.T, document string, piece int) {
		got, err := scanAll(document, max(1, piece))
		if strings.Count(document, "[")+strings.Count(document, "{") > MaxDepth {
			return // only here the two may differ
		}
		require.Equal(t, json.Valid([]byte(document)), got, "%v", err)
	})
}
