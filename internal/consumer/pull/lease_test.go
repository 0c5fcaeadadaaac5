package pull_test

import (
	"context"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/consumer/pull"
	"github.com/jobferry/jobferry/internal/embedded"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T) *nats.Conn {
	t.Helper()
	server, err := embedded.StartNATS(embedded.NATSOptions{Addr: "127.0.0.1:0", Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	nc, err := nats.Connect(server.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func TestLeaseIsLostByTheClock(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	m := pull.Message{Msg: &nats.Msg{Reply: "is.not.answered"}, Since: time.Now()}
	l := pull.NewLease(t.Context(), m, nc, 90*time.Millisecond)
	defer l.Release()
	require.NoError(t, l.Held())
	<-l.Context().Done()
	require.ErrorIs(t, context.Cause(l.Context()), pull.ErrLeaseLost)
	require.ErrorIs(t, l.Held(), pull.ErrLeaseLost)
}

func TestLeaseIsKeptByConfirmedProgress(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	beats := make(chan string, 64)
	_, err := nc.Subscribe("ack", func(msg *nats.Msg) {
		beats <- string(msg.Data)
		_ = msg.Respond(nil)
	})
	require.NoError(t, err)
	const ackWait = 300 * time.Millisecond
	l := pull.NewLease(t.Context(), pull.Message{Msg: &nats.Msg{Reply: "ack"}, Since: time.Now()}, nc, ackWait)
	for range 6 { // two ack waits
		require.Equal(t, "+WPI", <-beats)
	}
	require.NoError(t, l.Held())
	l.Release()
	require.ErrorIs(t, context.Cause(l.Context()), context.Canceled)
}

// TestMessageThatIsTooOldIsNotHeld: it lay in a stalled connection.
func TestMessageThatIsTooOldIsNotHeld(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	m := pull.Message{Msg: &nats.Msg{Reply: "is.not.answered"}, Since: time.Now().Add(-time.Minute)}
	l := pull.NewLease(t.Context(), m, nc, 30*time.Second)
	defer l.Release()
	require.ErrorIs(t, l.Held(), pull.ErrLeaseLost)
}
