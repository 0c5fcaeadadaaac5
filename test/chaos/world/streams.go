package world

// The streams of the worker, under its default prefix.
const (
	submissionStream = "JOBS"
	waitStream       = "JOBS_WAIT"
	eventStream      = "JOBS_EVENTS"
)

var streams = []string{submissionStream, waitStream, eventStream}
