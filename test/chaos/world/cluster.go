package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// cluster is the nats-server processes, a proxy before each, and a connection
// of the run's own that goes past the proxies.
type cluster struct {
	nodes []*node
	conn  *nats.Conn
	js    jetstream.JetStream
}

// startCluster starts the nodes and returns when JetStream has a leader.
func startCluster(ctx context.Context, binary, dir string, o Options) (*cluster, error) {
	c := &cluster{}
	size := o.Nodes
	ports, err := freePorts(2 * size)
	if err != nil {
		return nil, err
	}
	for i := range size {
		n, err := newNode(binary, filepath.Join(dir, fmt.Sprint("node-", i)), i, ports[:size], ports[size:], o.SyncInterval)
		if err != nil {
			return c, err
		}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			return c, err
		}
	}
	return c, c.connect(ctx)
}

func (c *cluster) connect(ctx context.Context) error {
	urls := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		urls[i] = "nats://" + n.addr
	}
	var err error
	c.conn, err = nats.Connect(strings.Join(urls, ","), nats.Name("chaos"), nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.IgnoreDiscoveredServers())
	if err != nil {
		return fmt.Errorf("connect to the cluster: %w", err)
	}
	c.js, err = jetstream.New(c.conn)
	if err != nil {
		return fmt.Errorf("connect to the cluster: %w", err)
	}
	return until(ctx, "the cluster has no leader", func(ctx context.Context) bool {
		_, err := c.js.AccountInfo(ctx)
		return err == nil
	})
}

// urls name the proxies, as the workers get them.
func (c *cluster) urls() string {
	urls := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		urls[i] = "nats://" + n.proxy.addr()
	}
	return strings.Join(urls, ",")
}

// state is what a stream holds; an error when nobody can say.
func (c *cluster) state(ctx context.Context, stream string) (jetstream.StreamState, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		return jetstream.StreamState{}, fmt.Errorf("look at the stream %s: %w", stream, err)
	}
	return s.CachedInfo().State, nil
}

// publish stores one message; an error says that there was no answer in time,
// not that it is not stored.
func (c *cluster) publish(ctx context.Context, subject string, body []byte, options ...jetstream.PublishOpt) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	_, err := c.js.Publish(ctx, subject, body, options...)
	return err
}

// leader is the node that leads a stream; -1 when there is none.
func (c *cluster) leader(ctx context.Context, stream string) int {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	s, err := c.js.Stream(ctx, stream)
	if err != nil || s.CachedInfo().Cluster == nil {
		return -1
	}
	for i, n := range c.nodes {
		if n.name == s.CachedInfo().Cluster.Leader {
			return i
		}
	}
	return -1
}

// whole waits until every node runs and every stream has all its replicas
// current.
func (c *cluster) whole(ctx context.Context) error {
	return until(ctx, "the cluster is not whole", func(ctx context.Context) bool {
		for _, stream := range streams {
			s, err := c.js.Stream(ctx, stream)
			if err != nil || s.CachedInfo().Cluster == nil || !allCurrent(s.CachedInfo().Cluster.Replicas, len(c.nodes)-1) {
				return false
			}
		}
		return true
	})
}

func allCurrent(peers []*jetstream.PeerInfo, want int) bool {
	for _, peer := range peers {
		if !peer.Current || peer.Offline {
			return false
		}
	}
	return len(peers) == want
}

func (c *cluster) close() error {
	if c.conn != nil {
		c.conn.Close()
	}
	var problems []error
	for _, n := range c.nodes {
		problems = append(problems, n.close())
	}
	return errors.Join(problems...)
}

// freePorts finds ports that nobody listens at. They are let go again, all at
// once at the end so that none comes twice.
func freePorts(count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
