package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"
)

// fleetStatus is what status says of all jobs. Its JSON form is part of the
// README.
type fleetStatus struct {
	Submitted int `json:"submitted"`
	Waiting   int `json:"waiting"`
	Due       int `json:"due"`
	InHand    int `json:"inHand"`

	OldestSubmitted float64 `json:"oldestSubmittedSeconds"`
	OldestDue       float64 `json:"oldestDueSeconds"`

	Settled map[job.Outcome]int `json:"settledLastHour"`
}

func newFleetStatus(c broker.Stats, settled map[job.Outcome]int) fleetStatus {
	return fleetStatus{
		Submitted: c.Submitted, Waiting: c.Waiting, Due: c.Due, InHand: c.InFlight,
		OldestSubmitted: c.OldestSubmitted.Seconds(), OldestDue: c.OldestDue.Seconds(),
		Settled: settled,
	}
}

func (s fleetStatus) table(st style) table {
	t := table{
		{"submitted", strconv.Itoa(s.Submitted), oldest(s.OldestSubmitted)},
		{"waiting", strconv.Itoa(s.Waiting)},
		{"due", strconv.Itoa(s.Due), oldest(s.OldestDue)},
		{"in hand", strconv.Itoa(s.InHand)},
		{"settled in the last hour"},
	}
	for _, outcome := range job.Outcomes() {
		t = append(t, []string{"  " + st.outcome(outcome, s.Settled[outcome]), strconv.Itoa(s.Settled[outcome])})
	}
	return t
}

func oldest(seconds float64) string {
	if seconds == 0 {
		return ""
	}
	return fmt.Sprintf("the oldest for %v", brief(time.Duration(seconds*float64(time.Second))))
}

// brief is a duration for people.
func brief(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}
