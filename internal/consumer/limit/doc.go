// Package limit decides how much a pod takes on: how many messages it asks the
// broker for, how many files it streams at once, and when it pauses because a
// dependency refuses it or asks it to slow down. It knows neither the broker
// nor a job's content.
package limit

import "errors"

// ErrNoSlot means that a job has no place in this pod now.
var ErrNoSlot = errors.New("no slot is free for the job")

// Health is told of each condition that makes the worker ready or not; a nil
// error means that it holds.
type Health interface {
	Set(condition string, err error)
}
