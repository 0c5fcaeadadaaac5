package config

import "strings"

// Section is a group of settings that a command needs or does not.
type Section string

// The sections.
const (
	SectionNATS     Section = "NATS"
	SectionAPI      Section = "API"
	SectionS3       Section = "S3"
	SectionSubjects Section = "subjects" // what every command of the broker needs to know of the worker
	SectionStreams  Section = "streams"  // what the setup of streams needs to know beside
	SectionWork     Section = "work"
	SectionLog      Section = "log"
)

// Setting is one row of the table of settings.
type Setting struct {
	Name    string // of the environment variable
	Default string // as one would write it; empty for none
	Help    string // one line, without the default
	Section Section
	Secret  bool // its value is never printed

	value value
}

// Flag is the name of the setting's flag, without the leading dashes.
func (s Setting) Flag() string { return strings.ToLower(strings.ReplaceAll(s.Name, "_", "-")) }

// Type is a word for what the setting's value looks like.
func (s Setting) Type() string { return s.value.kind }

// value says how a setting is read into its place.
type value struct {
	kind string
	// set parses and checks raw, and puts it into its place as far as it could
	// be read. Its error says what would be right and does not repeat raw.
	set func(c *Config, raw string) error
}

// into makes a value of a place and a way to read it.
func into[T any](place func(*Config) *T, as parser[T]) value {
	return value{kind: as.kind, set: func(c *Config, raw string) error {
		read, err := as.parse(raw)
		*place(c) = read
		return err
	}}
}
