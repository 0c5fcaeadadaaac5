package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/fleet"
	"github.com/stretchr/testify/require"
)

// drawn is a progress on a terminal that is drawn each time.
func drawn(out *bytes.Buffer) *progress { return &progress{out: out, next: time.Now()} }

func TestProgressIsForTerminalsAlone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out)
	p.next = time.Time{}
	p.reading(1, 2)
	p.clear()
	require.Empty(t, out.String())
}

func TestProgressMakesRoomForAReport(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := drawn(&out)
	p.reading(1, 2)
	p.reading(2, 1) // too soon after
	r := &report{out: &out, errs: &out, progress: p}
	require.NoError(t, r.tell("a", fleet.Waiting, "due now", nil))
	require.Equal(t, "\r\x1b[K1 of 3 messages read…\r\x1b[K"+fmt.Sprintf("%-36s  due now\n", "a"), out.String())
}
