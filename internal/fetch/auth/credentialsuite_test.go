package auth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/secret"
)

// Both credentials keep to the contract of the interface.
func TestCredentialsKeepToTheirContract(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]func(t *testing.T, value string) Credential{
		"fixed": func(_ *testing.T, value string) Credential { return FixedCredential(secret.New(value)) },
		"file": func(t *testing.T, value string) Credential {
			path := filepath.Join(t.TempDir(), "secret")
			write(t, path, value)
			return FileCredential(path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testCredential(t, create)
		})
	}
}

// makeCredential makes the credential under test with a value.
type makeCredential func(t *testing.T, value string) Credential

// testCredential is the contract of [Credential], for any implementation.
func testCredential(t *testing.T, create makeCredential) {
	for name, part := range map[string]func(*testing.T, makeCredential){
		"both methods return the value, again and again": credentialIsStable,
		"the value can stand in a header":                credentialFitsAHeader,
		"a value that cannot is an error without it":     credentialIsRefusedWithoutItsValue,
		"it may be used by many at once":                 credentialIsShared,
		"it does not print":                              credentialDoesNotPrint,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, create)
		})
	}
}

func credentialIsStable(t *testing.T, create makeCredential) {
	for _, value := range []string{"x", "hunter2", "a b", `with "quotes" \ and {signs}`, strings.Repeat("long", 4<<10)} {
		c := create(t, value)
		for range 3 {
			require.Equal(t, value, reveal(t, c.Secret))
			require.Equal(t, value, reveal(t, c.Reread))
		}
	}
}

func credentialFitsAHeader(t *testing.T, create makeCredential) {
	got := ""
	host := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	t.Cleanup(host.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, host.URL, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+reveal(t, create(t, "hunter2~!").Secret))
	resp, err := host.Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "Bearer hunter2~!", got)
}

func credentialIsRefusedWithoutItsValue(t *testing.T, create makeCredential) {
	for _, bad := range []string{"", "hunter2\r\nX-Other: hunter2", "hunter2\nX-Other: 1", "hunter2\x00hunter2", "hunter2\x7fhunter2", "hunter2é", "\xffhunter2"} {
		c := create(t, bad)
		for _, read := range []func() (secret.String, error){c.Secret, c.Reread} {
			value, err := read()
			require.Error(t, err, "%q", bad)
			require.True(t, value.IsZero())
			fetchtest.RequireNoSecret(t, err)
		}
	}
}

func credentialIsShared(t *testing.T, create makeCredential) {
	c := create(t, "hunter2")
	var all sync.WaitGroup
	for i := range 32 {
		read := c.Secret
		if i%2 == 1 {
			read = c.Reread
		}
		all.Go(func() {
			if value, err := read(); err != nil || value.Reveal() != "hunter2" {
				t.Errorf("%v, %v", value, err)
			}
		})
	}
	all.Wait()
}

func credentialDoesNotPrint(t *testing.T, create makeCredential) {
	c := create(t, "hunter2")
	require.Equal(t, "hunter2", reveal(t, c.Secret))
	cfg := struct {
		inner struct{ token, clientSecret Credential }
	}{struct{ token, clientSecret Credential }{c, c}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{c, &c, []Credential{c}, cfg, &cfg} {
			text := fmt.Sprintf(verb, value)
			require.NotContains(t, text, "hunter2", verb)
			require.NotContains(t, text, "68756e74657232", verb)
		}
	}
	if text, err := json.Marshal(map[string]any{"credential": c}); err == nil {
		require.NotContains(t, string(text), "hunter2")
	}
}
