package answer

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		header, extensions string
		want               time.Duration
	}{
		{"", "", 0},
		{"5", "", 5 * time.Second},
		{" 5 ", "", 5 * time.Second},
		{"0", "", 0},
		{"-5", "", 0},
		{"1.5", "", 1500 * time.Millisecond},
		{"soon", "", 0},
		{"NaN", "", 0},
		{"99999999999999999999", "", 5 * time.Minute},
		{"1e999", "", 5 * time.Minute},
		{"Fri, 20 Nov 2026 12:01:00 GMT", "", time.Minute},
		{"Friday, 20-Nov-26 12:01:00 GMT", "", time.Minute},
		{"Fri, 20 Nov 2026 11:00:00 GMT", "", 0},
		{"Fri, 20 Nov 2099 12:00:00 GMT", "", 5 * time.Minute},
		{"Fri, 32 Nov 2026 12:00:00 GMT", "", 0},
		{"1795176060", "", time.Minute}, // since 1970
		{"", `{"retry_after":7}`, 7 * time.Second},
		{"", `{"retry_after":"7"}`, 7 * time.Second},
		{"", `{"retry_after":0.25}`, 250 * time.Millisecond},
		{"", `{"retry_after":null}`, 0},
		{"", `{"retry_after":true}`, 0},
		{"", `{"retry_after":{}}`, 0},
		{"", `{"retry_after":-1}`, 0},
		{"", `{"retry_after":1e400}`, 5 * time.Minute},
		{"", `{}`, 0},
		{"", `[]`, 0},
		{"", `"7"`, 0},
		{"3", `{"retry_after":7}`, 7 * time.Second},
		{"7", `{"retry_after":3}`, 7 * time.Second},
	} {
		t.Run(c.header+" "+c.extensions, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"Retry-After": {c.header}}
			require.Equal(t, c.want, retryAfter(header, []byte(c.extensions), now), "%q %s", c.header, c.extensions)
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"5", "-1", "1e309", "NaN", "Fri, 20 Nov 2026 12:01:00 GMT", `{"retry_after":"7"}`, `{"retry_after":1e99}`} {
		f.Add(s, int64(0))
	}
	f.Fuzz(func(t *testing.T, s string, at int64) {
		now := time.Unix(at%(1<<40), 0)
		for _, d := range []time.Duration{headerDelay(s, now), bodyDelay([]byte(s)), bodyDelay([]byte(`{"retry_after":` + s + `}`))} {
			require.GreaterOrEqual(t, d, time.Duration(0))
			require.LessOrEqual(t, d, maxRetryAfter)
		}
		if n, err := strconv.ParseUint(s, 10, 16); err == nil {
			require.Equal(t, min(time.Duration(n)*time.Second, maxRetryAfter), headerDelay(s, now))
		}
	})
}
