package job

import (
	"errors"
	"fmt"
)

// maxIDLength is the longest job ID that is taken, in bytes.
const maxIDLength = 128

// ID names a job of the document API. A valid one is a single NATS subject
// token and a single segment of an S3 key and of a URL's path.
type ID string

// ParseID checks that s is 1 to 128 of A–Z a–z 0–9 _ and -.
func ParseID(s string) (ID, error) {
	if s == "" {
		return "", errors.New("the job ID is empty")
	}
	if len(s) > maxIDLength {
		return "", fmt.Errorf("the job ID has %d bytes, at most %d are allowed", len(s), maxIDLength)
	}
	for i := range len(s) {
		if !isIDByte(s[i]) {
			return "", fmt.Errorf("the job ID has %q at byte %d; only A-Z a-z 0-9 _ and - are allowed", s[i], i+1)
		}
	}
	return ID(s), nil
}

func isIDByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
