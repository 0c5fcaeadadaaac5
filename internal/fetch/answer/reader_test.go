package answer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzContentOf: case does not matter in a content type.
func FuzzContentOf(f *testing.F) {
	for _, seed := range []string{"application/pdf", "text/html; charset=utf-8", "a/b; c", "APPLICATION/JSON", "x", "", "application/problem+json"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, declared string) {
		require.Equal(t, contentOf(declared, []byte("{}")), contentOf(strings.ToUpper(declared), []byte("{}")))
	})
}
