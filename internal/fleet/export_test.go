package fleet

import "time"

// Impatient is the fleet with another limit of one answer.
func (f *Fleet) Impatient(limit time.Duration) *Fleet {
	other := *f
	other.answerLimit = limit
	return &other
}
