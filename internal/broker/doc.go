// Package broker is all that Jobferry says to JetStream, and all that it reads
// there: subjects, streams, timers, events, statistics. What a message means for
// a job is decided elsewhere. The connection is the caller's.
package broker
