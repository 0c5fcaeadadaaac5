package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The words of S3 for encryption with a key of KMS.
const (
	sseKMS     = "aws:kms"
	sseKMSDSSE = "aws:kms:dsse"
)

// maxKeyPrefix leaves room in a key of 1,024 bytes for a submission's prefix
// (512 bytes), a job ID (128) and a file's name (64).
const maxKeyPrefix = 1024 - 512 - 128 - 64

var (
	// bucket takes what S3 and its likes take, old names and the ARNs of access
	// points included.
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
	bucket = matching(`^([A-Za-z0-9][A-Za-z0-9._-]{2,254}|arn:[A-Za-z0-9._:/-]+)$`,
		"must be the name of a bucket: letters, digits, dots and hyphens, 3 or more")
	keyPrefix = reading[string]{"string", parseKeyPrefix}
)

func parseKeyPrefix(raw string) (string, error) {
	switch {
	case len(raw) > maxKeyPrefix:
		return raw, fmt.Errorf("must have %d bytes at most", maxKeyPrefix)
	case strings.HasPrefix(raw, "/"):
		return raw, errors.New("must not start with /")
	case !utf8.ValidString(raw) || strings.ContainsFunc(raw, unicode.IsControl):
		return raw, errors.New("must be UTF-8 without control characters")
	}
	for segment := range strings.SplitSeq(raw, "/") {
		if segment == "." || segment == ".." {
			return raw, errors.New("must not have . or .. as a segment")
		}
	}
	return raw, nil
}
