package world

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// place is one whose program is a shell script.
func place(t *testing.T, script string) *worker {
	t.Helper()
	w, err := newWorker(0, "/bin/sh", t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		w.kill()
		require.NoError(t, w.log.Close())
	})
	w.args = []string{"-c", script}
	return w
}

func TestAnEndIsKeptWithWhatWasSentBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		send   syscall.Signal
		want   End
	}{
		"killed":     {"exec sleep 60", syscall.SIGKILL, End{Status: -1, Signal: syscall.SIGKILL, Killed: true}},
		"terminated": {"exec sleep 60", syscall.SIGTERM, End{Status: -1, Signal: syscall.SIGTERM, Terminates: 1}},
		"by itself":  {"exit 3", 0, End{Status: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := place(t, c.script)
			p, err := w.start()
			require.NoError(t, err)
			if c.send != 0 {
				require.True(t, w.signal(c.send))
			}
			<-p.ended
			w.note(p)
			w.note(p)
			require.Equal(t, []End{c.want}, w.ends)
			require.False(t, w.signal(syscall.SIGKILL), "it has ended")
		})
	}
}
