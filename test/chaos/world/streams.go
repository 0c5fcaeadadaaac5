package world

// The streams of the worker, under its default prefix.
const (
	submissionStream = "JOBS"
	waitStream       = "JOBS_WAIT"
	eventStream      = "JOBS_EVENTS"

	submitSubject = "jobs.submit"
)

var streams = []string{submissionStream, waitStream, eventStream}
