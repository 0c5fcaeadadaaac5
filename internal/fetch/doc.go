// Package fetch is the side of the job API: it asks for a job, reads the
// answer as a stream, and opens the files that the answer names.
//
// A poll goes from [Client.Poll] to package answer, which reads JSON by package
// jsonstream. A file goes from [Client.Open] to package download. Both make their
// requests by package watchdog. Package auth gets the tokens of the API, and package
// ssrf decides which URLs of files may be requested.
//
// Every error is a [job.Error]. Its class says what follows for the job. A stream
// that finds out at its end that the job is not completed returns one of
// [job.ClassNotCompleted]. The end of the caller's context comes back as itself,
// with its cause.
//
// The package does not wait between polls, keeps nothing about a job from one
// call to the next, and knows neither the broker nor the store. No error, log
// line or metric of its own carries a token or the query string of a URL.
package fetch
