package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// FreeAddress is a host:port of the loopback interface on which nobody
// listened a moment ago.
func FreeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// Ready waits until a worker that serves at the address says that it is ready.
func Ready(ctx context.Context, address string, worker *Process) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !isReady(ctx, client, "http://"+address+"/readyz") {
		select {
		case <-ticker.C:
		case <-worker.Ended():
			return fmt.Errorf("%s ended with %v before it was ready%s", worker.name, worker.cmd.ProcessState, worker.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", worker.name, context.Cause(ctx))
		}
	}
	return nil
}

func isReady(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}
