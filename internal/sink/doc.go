// Package sink stores results in S3: it builds keys, streams sources into
// objects, and has the store verify each object before it appears.
//
// It does not fetch anything, does not know what a message or an event is, and
// does not retry an upload whose source cannot be read twice: whoever opened
// the source opens it again.
package sink
