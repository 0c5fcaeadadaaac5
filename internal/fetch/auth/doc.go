// Package auth gets the bearer tokens of the job API: fixed ones, or ones that
// are granted for client credentials and kept until shortly before they expire.
//
// Every error is a [job.Error], or the end of the caller's context. None repeats
// a token or a secret.
package auth
