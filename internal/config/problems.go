package config

import (
	"errors"
	"fmt"
	"strings"
)

// maxShown bounds how much of a wrong value is repeated, in bytes.
const maxShown = 200

// Problem is one thing that is wrong with the settings.
type Problem struct {
	Variable string // the name of the environment variable
	Shown    string // the value, quoted; empty if there is none or it is secret
	Want     string // what would be want
}

// String returns the problem as a line.
func (p Problem) String() string {
	if p.Shown == "" {
		return p.Variable + " " + p.Want
	}
	return p.Variable + "=" + p.Shown + " " + p.Want
}

// Problems is the error of [Loader.Load]: everything that is wrong, at least
// one thing.
type Problems struct {
	List []Problem
}

// Error lists all problems, each on a line of its own.
func (p *Problems) Error() string {
	var list strings.Builder
	fmt.Fprintf(&list, "%d settings are wrong:", len(p.List))
	if len(p.List) == 1 {
		list.Reset()
		list.WriteString("a setting is wrong:")
	}
	for _, problem := range p.List {
		list.WriteString("\n  " + problem.String())
	}
	return list.String()
}

// has reports whether something about the variable is wrong already.
func (p *Problems) has(variable string) bool {
	for _, problem := range p.List {
		if problem.Variable == variable {
			return true
		}
	}
	return false
}

// shown is a setting's wrong value as it may be printed.
func shown(s Setting, raw string, err error) string {
	if s.Secret || errors.As(err, new(unprintable)) || mayCarrySecret(s, raw) {
		return ""
	}
	if len(raw) > maxShown {
		raw = raw[:maxShown] + "…"
	}
	return fmt.Sprintf("%q", raw)
}

// mayCarrySecret finds URLs with a user and a password, or with a query. A URL
// that cannot be parsed cannot be cut either, so it is hidden whole.
func mayCarrySecret(s Setting, raw string) bool {
	isURL := s.Type() == natsURLs.kind || s.Type() == httpURL.kind || s.Type() == "list"
	return isURL && strings.ContainsAny(raw, "@?")
}
