// Package download reads the file behind a URL of a result. A connection that
// breaks or stalls is replaced by one that goes on at the same byte, and a URL
// that has expired by a fresh one of the same file.
//
// The package does not decide which URLs may be requested: see package ssrf. Every
// error is a [job.Error], or the end of the caller's context.
package download
