package check_test

import (
	"syscall"

	"github.com/jobferry/jobferry/test/chaos/check"
)

// proofPlantings are of runs that show nothing.
func proofPlantings() map[check.Kind][]planting {
	return map[check.Kind][]planting{
		check.NothingAcknowledged: {
			{"of all jobs", func(o *check.Observation) { clear(o.Acknowledged) }},
			{"without a job", func(o *check.Observation) {
				o.Expected, o.Acknowledged, o.Events, o.LastEvent, o.Objects, o.Sightings = nil, nil, nil, 0, nil, nil
			}},
		},
		check.FaultMissing: {
			{"one kill less", func(o *check.Observation) { o.Faults["worker kill -9"]-- }},
			{"none of a kind", func(o *check.Observation) { delete(o.Faults, "node kill -9") }},
			{"nothing planned", func(o *check.Observation) { o.Planned, o.Faults = nil, nil }},
		},
		check.NotWatched: {
			{"one object", func(o *check.Observation) { o.Sightings = o.Sightings[1:] }},
			{"none at all", func(o *check.Observation) { o.Sightings = nil }},
		},
		check.NotLookedAt: {
			{"the timers", func(o *check.Observation) { delete(o.Left, "JOBS_WAIT") }},
			{"the submissions", func(o *check.Observation) { delete(o.Left, "JOBS") }},
		},
	}
}

func failures() []planting {
	end := func(e check.End) func(*check.Observation) {
		return func(o *check.Observation) { o.Ends = append(o.Ends, e) }
	}
	log := func(line string) func(*check.Observation) {
		return func(o *check.Observation) { o.Texts[0] = text("worker-0.log", `{"msg":"fine"}`+"\n"+line+"\n") }
	}
	return []planting{
		{"by itself", end(check.End{Status: 1})},
		{"by itself, and well", end(check.End{})},
		{"a panic while it was drained", end(check.End{Status: 2, Terminates: 1})},
		{"a panic while it was stopped", end(check.End{Status: 2, Terminates: 2})},
		{"a drain that failed", end(check.End{Status: 1, Terminates: 1})},
		{"a failure while it was killed", end(check.End{Status: 1, Killed: true})},
		{"killed by somebody else", end(check.End{Status: -1, Signal: syscall.SIGKILL, Terminates: 1})},
		{"terminated by somebody else", end(check.End{Status: -1, Signal: syscall.SIGTERM})},
		{"aborted while it was killed", end(check.End{Status: -1, Signal: syscall.SIGABRT, Killed: true})},
		{"a panic in a log", log("panic: runtime error: index out of range [3] with length 3")},
		{"a panic of a handler", log("http: panic serving 127.0.0.1:1: oh")},
		{"a fatal error in a log", log("fatal error: concurrent map writes")},
		{"a race in a log", log("WARNING: DATA RACE")},
	}
}
