package check

import (
	"encoding/json"
	"strings"
)

// plainJSON returns every string in a JSON document, names included, as it
// reads rather than as it is written: any character may be written by its
// number there. It begins with a line break, and is empty for what is no JSON.
func plainJSON(document []byte) string {
	if !json.Valid(document) {
		return ""
	}
	var text strings.Builder
	text.WriteByte('\n')
	tokens := json.NewDecoder(strings.NewReader(string(document)))
	for {
		token, err := tokens.Token()
		if err != nil {
			return text.String()
		}
		if s, ok := token.(string); ok {
			text.WriteString(s)
			text.WriteByte('\n')
		}
	}
}
