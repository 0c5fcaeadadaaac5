package fleet

import "time"

// Impatient is the fleet with another limit of one answer.
func (f *Fleet) Impatient(limit time.Duration) *Fleet {
	other := *f
	other.answerLimit = limit
	return &other
}

// Hurried is the fleet with another limit of a search.
func (f *Fleet) Hurried(limit time.Duration) *Fleet {
	other := *f
	other.searchLimit = limit
	return &other
}
