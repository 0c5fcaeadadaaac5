package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/secret"
	"github.com/jobferry/jobferry/internal/sink"
)

// maxReplicas is the most that a JetStream stream can have.
// https://docs.nats.io/nats-concepts/jetstream/streams
const maxReplicas = 5

// maxAtOnce bounds what a worker has in hand: each poll and each transfer takes
// memory from the start, a transfer up to one part more.
const maxAtOnce = 10_000

// parser reads a value: kind is a word for it, and the error of
// parse says what would be right.
type parser[T any] struct {
	kind  string
	parse func(raw string) (T, error)
}

var (
	text   = parser[string]{"string", func(raw string) (string, error) { return raw, nil }}
	hidden = parser[secret.String]{"string", func(raw string) (secret.String, error) { return secret.New(raw), nil }}

	boolean    = parser[bool]{"bool", parseBool}
	crashes    = between(1, math.MaxInt32)
	atOnce     = between(1, maxAtOnce)
	rate       = number(0, 1_000_000)
	multiplier = number(1, 1000)
	duration   = durationFrom(time.Nanosecond)
	size       = parser[int64]{"size", parseSize}

	subjectPrefix = checked(broker.CheckSubjectPrefix)
	bucket        = checked(sink.CheckBucket)
	keyPrefix     = checked(sink.CheckPrefix)
	storageClass  = checked(sink.CheckStorageClass)
	objectHeader  = checked(sink.CheckHeader)
	tags          = parser[map[string]string]{"string", sink.ParseTags}
)

func parseBool(raw string) (bool, error) {
	read, err := strconv.ParseBool(raw)
	if err != nil {
		return false, errors.New("must be true or false")
	}
	return read, nil
}

// between reads a whole number.
func between(least, most int) parser[int] {
	want := fmt.Errorf("must be a whole number, %d to %d", least, most)
	return parser[int]{"int", func(raw string) (int, error) {
		read, err := strconv.Atoi(raw)
		if err != nil || read < least || read > most {
			return 0, want
		}
		return read, nil
	}}
}

// number reads a number, with decimals or without.
func number(least, most float64) parser[float64] {
	want := fmt.Errorf("must be a number, %.0f to %.0f", least, most)
	return parser[float64]{"number", func(raw string) (float64, error) {
		read, err := strconv.ParseFloat(raw, 64)
		if err != nil || math.IsNaN(read) || read < least || read > most {
			return 0, want
		}
		return read, nil
	}}
}

// durationFrom reads a duration in Go's notation.
func durationFrom(least time.Duration) parser[time.Duration] {
	want := errors.New("must be a duration such as 500ms, 30s or 1h30m, and more than 0")
	if least > time.Nanosecond {
		want = fmt.Errorf("must be a duration such as 30m or 72h, at least %v", least)
	}
	return parser[time.Duration]{"duration", func(raw string) (time.Duration, error) {
		read, err := time.ParseDuration(raw)
		if err != nil || read < least {
			return 0, want
		}
		return read, nil
	}}
}

// parseSize reads bytes: 5GiB is a binary unit, 500MB a decimal one.
func parseSize(raw string) (int64, error) {
	read, err := humanize.ParseBytes(raw)
	if err != nil || read < 1 || read > math.MaxInt64 {
		return 0, errors.New("must be a size such as 5GiB, 500MB or 1048576, and more than 0")
	}
	return int64(read), nil
}

// oneOf reads one of a few words.
func oneOf(words ...string) parser[string] {
	want := errors.New("must be " + strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1])
	return parser[string]{"string", func(raw string) (string, error) {
		if slices.Contains(words, raw) {
			return raw, nil
		}
		return "", want
	}}
}

// checked reads a text by the rule of the package that uses it.
func checked(check func(string) error) parser[string] {
	return parser[string]{"string", func(raw string) (string, error) { return raw, check(raw) }}
}

// listOf reads values joined by commas; white space around them, and an empty
// one at the end, are ignored.
func listOf(item parser[string]) parser[[]string] {
	return parser[[]string]{"list", func(raw string) ([]string, error) {
		var list []string
		for part := range strings.SplitSeq(raw, ",") {
			part = strings.TrimSpace(part)
			if part == "" {
				continue
			}
			read, err := item.parse(part)
			if err != nil {
				return list, fmt.Errorf("each item %w", err)
			}
			list = append(list, read)
		}
		return list, nil
	}}
}
