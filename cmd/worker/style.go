package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/jobferry/jobferry/internal/job"
)

// style is plain, or has colours.
type style struct{ colour bool }

// styleOf is in colour on a terminal, unless the environment says otherwise:
// https://no-color.org
func styleOf(out io.Writer) style {
	return style{colour: isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// The colours of ANSI terminals; the terminal's own theme says what they are.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s style) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// outcome is in colour if there is any.
func (s style) outcome(outcome job.Outcome, count int) string {
	colours := map[job.Outcome]string{
		job.OutcomeCompleted: green, job.OutcomeFailed: red, job.OutcomeCanceled: yellow, job.OutcomeRejected: red,
	}
	if count == 0 {
		return string(outcome)
	}
	return s.paint(colours[outcome], string(outcome))
}

// table is rows of cells whose first columns are aligned. A row of one cell is
// a heading.
type table [][]string

// columns is how many columns of a table are aligned; what follows runs on.
const columns = 2

func (t table) print(out io.Writer) error {
	var widths [columns]int
	for _, row := range t {
		for i, cell := range row[:min(len(row)-1, columns)] {
			widths[i] = max(widths[i], width(cell))
		}
	}
	var text strings.Builder
	for _, row := range t {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 && i < columns {
				line.WriteString(strings.Repeat(" ", widths[i]-width(cell)))
			}
			line.WriteString("  ")
		}
		text.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// width is how many columns a cell takes, without its colour.
func width(cell string) int {
	count := 0
	for {
		before, after, found := strings.Cut(cell, "\x1b[")
		count += utf8.RuneCountInString(before)
		if !found {
			return count
		}
		_, cell, _ = strings.Cut(after, "m")
	}
}
