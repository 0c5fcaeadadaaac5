// Package jsonstream reads a JSON document of any size in bounded memory.
//
// A [Reader] walks through objects and arrays member by member. It copies small
// values ([Reader.Capture]), reads over others ([Reader.Skip]), and streams large
// ones: [Reader.StringReader] decodes a string, [Reader.RawReader] passes a value
// on byte for byte. It never holds more than the buffer of its [bufio.Reader] and
// what it returns. Token libraries hold a whole string, and a string may have
// hundreds of megabytes.
//
// The grammar is that of RFC 8259, and every byte is checked, also in values that
// are skipped. Like encoding/json, the package accepts bytes that are not UTF-8
// and decodes them as U+FFFD. It does not report duplicate names, and it does not
// decode numbers.
package jsonstream
