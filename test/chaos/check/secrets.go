package check

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// needles are what is searched for.
type needles struct {
	secrets  []string // in every form, the longest first
	patterns []pattern
}

type pattern struct {
	name string // never what was found
	find *regexp.Regexp
}

// fixedPatterns are forms of secrets that nobody needs to know beforehand.
func fixedPatterns() []pattern {
	return []pattern{
		{"a signed URL", regexp.MustCompile(`(?i:X-Amz-(?:Signature|Credential|Security-Token)(?:=|%3D)[^&\s"']*)`)},
		{"a bearer token", regexp.MustCompile(`(?i:\bbearer(?:\s|%20)+)[A-Za-z0-9._~+/-]{8,}`)},
		{"a token of the simulated API", regexp.MustCompile(`\bsim_[A-Z2-7]{20,}`)},
	}
}

// newNeedles also gives good needles along with an error about the others.
func newNeedles(secrets, expressions []string) (needles, error) {
	n := needles{patterns: fixedPatterns()}
	for _, s := range secrets {
		if s != "" { // or everything would be one
			n.secrets = append(n.secrets, s, url.QueryEscape(s), url.PathEscape(s),
				base64.StdEncoding.EncodeToString([]byte(s)), strings.Trim(strconv.Quote(s), `"`))
		}
	}
	slices.SortFunc(n.secrets, func(a, b string) int { return len(b) - len(a) })
	var problems []error
	for i, expression := range expressions {
		find, err := regexp.Compile(expression)
		if err != nil {
			problems = append(problems, fmt.Errorf("pattern %d cannot be searched for: %w", i+1, err))
			continue
		}
		n.patterns = append(n.patterns, pattern{fmt.Sprintf("pattern %d", i+1), find})
	}
	return n, errors.Join(problems...)
}

// in names what of the needles stands in a piece of text.
func (n needles) in(text []byte) []string {
	var found []string
	if slices.ContainsFunc(n.secrets, func(s string) bool { return bytes.Contains(text, []byte(s)) }) {
		found = append(found, "a secret")
	}
	for _, p := range n.patterns {
		if p.find.Match(text) {
			found = append(found, p.name)
		}
	}
	return found
}

// cover puts a placeholder where a needle stands.
func (n needles) cover(text string) string {
	const placeholder = "[secret]"
	for _, s := range n.secrets {
		text = strings.ReplaceAll(text, s, placeholder)
	}
	for _, p := range n.patterns {
		text = p.find.ReplaceAllLiteralString(text, placeholder)
	}
	return text
}

// secrets searches the events. What stands there is told, but not how it reads.
func (j *judge) secrets(n needles) {
	for _, e := range j.o.Events {
		id, _, _ := readEvent(e) // whether it is well formed does not matter here
		for _, what := range n.in(flat(e)) {
			j.addf(SecretLeaked, id, "%s in event %d", what, e.Sequence)
		}
	}
}

// flat is everything of an event in one piece. Its data counts as it reads,
// too: JSON may write any character by its number.
func flat(e Event) []byte {
	parts := []string{e.Subject, string(e.Data), plainJSON(e.Data)}
	for _, name := range sorted(e.Header) {
		parts = append(parts, name+": "+strings.Join(e.Header[name], ", "))
	}
	return []byte(strings.Join(parts, "\n"))
}
