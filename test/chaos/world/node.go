package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// nodePatience bounds how long a killed node takes to answer again. Its store
// is recovered first.
const nodePatience = time.Minute

// node is one nats-server process with a proxy before its clients' port.
type node struct {
	name, addr string
	binary     string
	config     string // file
	log        *os.File
	proxy      *proxy

	mu      sync.Mutex
	process *process
}

// newNode writes the node's configuration. It does not start it.
func newNode(binary, dir string, index int, clients, routes []int, syncInterval string) (*node, error) {
	n := &node{
		name: fmt.Sprint("n", index), addr: fmt.Sprint("127.0.0.1:", clients[index]),
		binary: binary, config: filepath.Join(dir, "server.conf"),
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of node %s: %w", n.name, err)
	}
	if err := os.WriteFile(n.config, []byte(nodeConfig(n, dir, index, routes, syncInterval)), 0o600); err != nil {
		return nil, fmt.Errorf("configure node %s: %w", n.name, err)
	}
	var err error
	n.log, err = os.OpenFile(filepath.Join(dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of node %s: %w", n.name, err)
	}
	if n.proxy, err = newProxy(n.name); err != nil {
		return nil, errors.Join(err, n.log.Close())
	}
	n.proxy.aim(n.addr)
	return n, nil
}

// nodeConfig tells the clients nothing of ways past the proxies.
func nodeConfig(n *node, dir string, index int, routes []int, syncInterval string) string {
	others := make([]string, len(routes))
	for i, port := range routes {
		others[i] = fmt.Sprintf("nats://127.0.0.1:%d", port)
	}
	return fmt.Sprintf(`server_name: %s
listen: %q
jetstream { store_dir: %q, sync_interval: %s }
cluster {
  name: chaos
  listen: "127.0.0.1:%d"
  no_advertise: true
  routes: [%s]
}
`, n.name, n.addr, filepath.Join(dir, "store"), syncInterval, routes[index], strings.Join(others, ", "))
}

func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var err error
	n.process, err = spawn(n.binary, []string{"-c", n.config}, []string{"PATH=/usr/bin:/bin"}, n.log)
	return err
}

// kill is kill -9.
func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		n.process.kill()
	}
}

// restart starts the node again over its store, and waits until it takes
// connections.
func (n *node) restart(ctx context.Context) error {
	if err := n.start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, nodePatience)
	defer cancel()
	return until(ctx, "node "+n.name+" does not come back", func(ctx context.Context) bool { return reachable(ctx, n.addr) })
}

// close ends the node as a service manager does, and kills it when that takes
// too long.
func (n *node) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		n.process.signal(syscall.SIGTERM)
		select {
		case <-n.process.ended:
		case <-time.After(closeLimit):
			n.process.kill()
		}
	}
	return errors.Join(n.proxy.close(), n.log.Close())
}
