package job

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of an object's tags.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
const (
	maxTags          = 10
	maxTagKeyChars   = 128
	maxTagValueChars = 256
)

// CheckTags says what S3 allows as an object's tags.
func CheckTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return fmt.Errorf("there are %d tags, at most %d are allowed", len(tags), maxTags)
	}
	for key, value := range tags {
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKeyChars || !isTagText(key):
			return fmt.Errorf("the tag %.50q needs a key of 1 to %d letters, digits, spaces and + - = . _ : / @", key, maxTagKeyChars)
		case len(key) >= 4 && strings.EqualFold(key[:4], "aws:"):
			return fmt.Errorf("the tag %.50q begins with aws:, which S3 reserves", key)
		case utf8.RuneCountInString(value) > maxTagValueChars || !isTagText(value):
			return fmt.Errorf("the value of the tag %.50q may have %d letters, digits, spaces and + - = . _ : / @ at most", key, maxTagValueChars)
		}
	}
	return nil
}

func isTagText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !strings.ContainsRune(" +-=._:/@", r)
	})
}

// checkTags is what the settings say about the tags of a submission: they stand beside
// those of all objects, and change none of them.
func (r Rules) checkTags(tags map[string]string) error {
	for key := range tags {
		if _, set := r.Tags[key]; set {
			return fmt.Errorf("the tag %.50q is set by S3_TAGS, for all objects", key)
		}
	}
	if all := len(tags) + len(r.Tags); all > maxTags {
		return fmt.Errorf("there are %d tags with those of S3_TAGS, at most %d are allowed", all, maxTags)
	}
	return nil
}
