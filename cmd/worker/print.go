package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go/jetstream"
)

// printer prints events, one on a line.
type printer struct {
	out  io.Writer
	json bool // as they were published
}

func decode(body []byte) (job.Event, error) {
	var event job.Event
	err := json.Unmarshal(body, &event)
	return event, err
}

// print prints an event, whose body is the JSON that it came as.
func (p printer) print(event job.Event, body []byte) error {
	if !p.json {
		return p.line(row(event))
	}
	var line bytes.Buffer
	line.Write(body)
	if bytes.ContainsAny(body, "\r\n") { // somebody else's
		line.Reset()
		if err := json.Compact(&line, body); err != nil {
			return err
		}
	}
	return p.line(line.String())
}

// unreadable tells of a message that is no event of ours. It is no reason to
// stop; in JSON it has no place.
func (p printer) unreadable(msg jetstream.Msg) error {
	if p.json {
		return nil
	}
	return p.line("a message on " + printable(msg.Subject()) + " cannot be read as an event")
}

func (p printer) line(text string) error {
	if _, err := fmt.Fprintln(p.out, text); err != nil {
		return fmt.Errorf("print an event: %w", err)
	}
	return nil
}

// row is an event for people: time, outcome, job, kind or reason, and the
// rest.
func row(event job.Event) string {
	data := event.Data
	id := string(data.JobID)
	if id == "" {
		id = event.ID // of a submission whose job ID could not be read
	}
	what, rest := detail(data)
	text := fmt.Sprintf("%s  %-9s  %-36s  %-17s  %s", event.Time.Local().Format(time.DateTime), data.Status, id, what, rest)
	return strings.TrimRight(printable(text), " ")
}

// printable leaves out what would control a terminal: part of an event is
// what a producer or the API wrote.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// detail is what an event says beyond its outcome.
func detail(data job.EventData) (what, rest string) {
	switch data.Status {
	case job.OutcomeCompleted:
		return string(data.Kind), stored(data)
	case job.OutcomeFailed:
		if data.Error == nil {
			return data.Reason, ""
		}
		return data.Reason, strings.TrimSpace(data.Error.Type + " " + data.Error.Title)
	default:
		return "", data.Reason
	}
}

// stored tells where a completed job's objects are.
func stored(data job.EventData) string {
	if data.Manifest != nil {
		return fmt.Sprintf("%d objects, listed in s3://%s/%s", data.ObjectCount, data.Manifest.Bucket, data.Manifest.Key)
	}
	if len(data.Objects) == 0 {
		return ""
	}
	var size int64
	for _, object := range data.Objects {
		size += object.Size
	}
	first := data.Objects[0]
	text := fmt.Sprintf("%s  s3://%s/%s", humanize.IBytes(uint64(size)), first.Bucket, first.Key)
	if more := len(data.Objects) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
