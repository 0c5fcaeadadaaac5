// Package answer reads what the job API answers about a job.
//
// A [Reader] reads an answer of 200: a JSON document, whose result may be a list
// of files, a text or an object; or a body that is the result itself. A small
// answer is read whole. A large one is read as far as its result begins, and the
// result becomes a [job.Payload] that is streamed. The payload reads the rest of
// the answer before it returns io.EOF, because only the rest may say that the job
// is not completed.
//
// Every error is a [job.Error], or the end of the caller's context.
package answer
