package config_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// FuzzSetting: any value of any variable is taken or is a problem with a name.
// The problem has one line, is not longer than it helps, and never shows a
// secret, nor what a URL carries of one.
func FuzzSetting(f *testing.F) {
	settings := config.Settings()
	for i, s := range settings {
		f.Add(i, s.Default)
	}
	for _, value := range []string{
		"", " ", "-1", "0", "NaN", "1e999", "5GiB", "9999999PiB", "1h", "-1s", "true", "a,b", "*", "a:*", "[::1]:443", "https://u:p@h/", "https://h/?X-Amz-Signature=x", "nats://a,tls://b:4222", "\x00", "\xff", "é\n",
		"18446744073709551616", "0x10", "1_000", "+5", strings.Repeat("a", 10_000), "../..", "/a", "s3://b", "[fe80::1%eth0]:80", "%zz",
	} {
		for i := range settings {
			f.Add(i, value)
		}
	}
	f.Fuzz(func(t *testing.T, i int, value string) {
		s := settings[uint(i)%uint(len(settings))]
		// Where a secret may be in a value, this stands for it.
		const needle = "hunter2hunter2"
		secret := strings.Contains(s.Name, "URL") || strings.Contains(s.Name, "HOSTS") || s.Secret
		for _, given := range []string{value, value + "https://u:" + needle + "@h/?X-Amz-Signature=" + needle} {
			lookup := func(name string) (string, bool) {
				if name != s.Name {
					return "", false
				}
				return given, true
			}
			_, err := config.Bind(pflag.NewFlagSet("", pflag.ContinueOnError)).Load(lookup)
			var problems *config.Problems
			require.True(t, errors.As(err, &problems), "the bucket at least is missing")
			require.True(t, utf8.ValidString(err.Error()))
			for _, p := range problems.List {
				require.NotContains(t, p.String(), "\n")
				require.Less(t, len(p.String()), 2000)
			}
			require.False(t, secret && strings.Contains(err.Error(), needle), s.Name)
			if s.Secret && len(value) > 8 {
				require.NotContains(t, err.Error(), value)
			}
		}
	})
}
