package secret_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jobferry/jobferry/internal/secret"
	"github.com/stretchr/testify/require"
)

func TestNothingPrintsTheValue(t *testing.T) {
	t.Parallel()
	s := secret.New("hunter2")
	holder := struct{ S secret.String }{s}
	hidden := struct{ s secret.String }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%08.3f"} {
		for _, value := range []any{s, &s, holder, hidden, &hidden, []secret.String{s}, map[string]secret.String{"k": s}} {
			require.NotContains(t, fmt.Sprintf(verb, value), "hunter2", verb)
			require.NotContains(t, fmt.Sprintf(verb, value), "68756e746572", verb)
		}
	}
	body, err := json.Marshal(map[string]any{"s": s, "h": holder})
	require.NoError(t, err)
	require.NotContains(t, string(body), "hunter2")
	require.Equal(t, "[redacted]", fmt.Sprint(s))
	require.Equal(t, "hunter2", s.Reveal())
}

func TestSecretsCompareByValue(t *testing.T) {
	t.Parallel()
	a, b, other := secret.New("a"), secret.New("a"), secret.New("b")
	require.True(t, a.Equal(b))
	require.False(t, a.Equal(other))
	require.False(t, a.Equal(secret.String{}))
	require.True(t, secret.String{}.Equal(secret.New("")))
}

func TestEmptySecret(t *testing.T) {
	t.Parallel()
	require.True(t, secret.String{}.IsZero())
	require.Empty(t, fmt.Sprint(secret.New("")))
}
