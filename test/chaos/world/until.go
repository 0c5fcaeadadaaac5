package world

import (
	"context"
	"fmt"
	"net"
	"time"
)

const (
	// askLimit bounds one request to the cluster.
	askLimit = 2 * time.Second
	// lookEvery is the pause between two looks at something that is waited for.
	lookEvery = 100 * time.Millisecond
	// startPatience bounds waits that nothing else does.
	startPatience = time.Minute
)

// until waits for a condition. The error, when the context ends or a minute is
// over, says what was waited for.
func until(ctx context.Context, otherwise string, condition func(context.Context) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("waited for %v", startPatience))
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for !look(ctx, condition) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", otherwise, context.Cause(ctx))
		}
	}
	return nil
}

// look asks once, in a bounded time: a request that is lost is never answered.
func look(ctx context.Context, condition func(context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return condition(ctx)
}

// pause waits, and reports whether the context is still good.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func reachable(ctx context.Context, addr string) bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
