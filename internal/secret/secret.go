// Package secret holds values that must not be printed: tokens, passwords and
// signed URLs ([String]), and removes such values from texts of others
// ([Redact]). It does not encrypt anything and does not keep a value out of a core
// dump; it keeps it out of logs, events, metrics and error messages.
package secret

import (
	"fmt"
	"io"
)

const placeholder = "[redacted]"

// String prints as a placeholder under every verb of fmt and in every
// encoding. The zero value is the empty secret and prints as nothing.
type String struct {
	_ [0]func() // not comparable: two pointers say nothing, see [String.Equal]
	// Not the text itself, because fmt cannot call the methods of a value in
	// an unexported field of another struct: of a pointer it prints an address.
	value *string
}

// New wraps a value.
func New(value string) String {
	if value == "" {
		return String{}
	}
	return String{value: &value}
}

// Reveal returns the value itself. Call it only where the value is put to its
// purpose: in a request, never in a message.
func (s String) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return *s.value
}

// Equal reports whether two secrets have the same value.
func (s String) Equal(other String) bool { return s.Reveal() == other.Reveal() }

// IsZero reports whether there is no value.
func (s String) IsZero() bool { return s.value == nil }

// String implements [fmt.Stringer].
func (s String) String() string {
	if s.IsZero() {
		return ""
	}
	return placeholder
}

// Format implements [fmt.Formatter], so that %#v, %q and %x are covered too.
func (s String) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, s.String()) }

// MarshalText implements [encoding.TextMarshaler], for JSON and the like.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
