package world

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// gateway is an HTTP server before the API or before its file host. It passes
// requests on, or does what one of its faults says.
type gateway struct {
	listener net.Listener
	server   *http.Server
	onward   *httputil.ReverseProxy
	idle     func() // closes the idle connections to what stands behind
	running  sync.WaitGroup

	mu      sync.Mutex
	faults  map[string]gatewayFault
	strikes map[string]int // requests that each of them has met
}

// gatewayFault is what happens to a share of the requests.
type gatewayFault struct {
	share float64
	serve func(g *gateway, w http.ResponseWriter, r *http.Request)
}

func newGateway(target string) (*gateway, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("put a gateway before %s: %w", target, err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("put a gateway before %s: %w", target, err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256}
	quiet := log.New(io.Discard, "", 0)
	g := &gateway{
		listener: listener, idle: transport.CloseIdleConnections,
		faults: map[string]gatewayFault{}, strikes: map[string]int{},
	}
	g.onward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.URL.Path, r.Out.URL.RawPath = unmoved(r.In.URL.Path), ""
		},
		Transport: transport, FlushInterval: -1, ErrorLog: quiet, ModifyResponse: move,
	}
	g.server = &http.Server{Handler: g, ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
	g.running.Go(func() { _ = g.server.Serve(listener) }) // always ErrServerClosed
	return g, nil
}

func (g *gateway) addr() string { return g.listener.Addr().String() }

// begin has a fault, by a name under which it ends.
func (g *gateway) begin(name string, f gatewayFault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults[name] = f
}

func (g *gateway) end(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.faults, name)
}

// struck reports whether any request has met the fault.
func (g *gateway) struck(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.strikes[name] > 0
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f, struck := g.strike(); struck {
		f.serve(g, w, r)
		return
	}
	g.onward.ServeHTTP(w, r)
}

// strike draws the random number for one request.
func (g *gateway) strike() (gatewayFault, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, f := range g.faults {
		if rand.Float64() < f.share {
			g.strikes[name]++
			return f, true
		}
	}
	return gatewayFault{}, false
}

func (g *gateway) close() error {
	err := g.server.Close()
	g.running.Wait()
	g.idle()
	return err
}

// pageFault answers in the place of what stands behind.
func pageFault(share float64, status int, contentType, body string) gatewayFault {
	return gatewayFault{share, func(_ *gateway, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}}
}

// slowFault lets a client wait for its first byte.
func slowFault(share float64, delay time.Duration) gatewayFault {
	return gatewayFault{share, func(g *gateway, w http.ResponseWriter, r *http.Request) {
		if pause(r.Context(), delay) {
			g.onward.ServeHTTP(w, r)
		}
	}}
}

// shortFault closes the connection after some bytes of the body.
func shortFault(share float64, count int64) gatewayFault {
	return gatewayFault{share, func(g *gateway, w http.ResponseWriter, r *http.Request) {
		g.onward.ServeHTTP(&cutWriter{ResponseWriter: w, left: count}, r)
	}}
}

// cutWriter breaks its connection when it has written enough.
type cutWriter struct {
	http.ResponseWriter
	left int64
}

func (c *cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) <= c.left {
		c.left -= int64(len(p))
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// Unwrap lets http.ResponseController through.
func (c *cutWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// movedPrefix is the first segment of a path that a file has for a while. Each answer
// that is renamed has another one.
const movedPrefix = "/moved-"

// maxMoved is the longest answer that is renamed, in bytes.
const maxMoved = 1 << 20

// filesKey is the context's key of the file host's address, in whose URLs files are
// renamed.
type filesKey struct{}

// movedFault gives the files of an answer other paths: the gateway before the file
// host takes them for the same files.
func movedFault(share float64, files string) gatewayFault {
	return gatewayFault{share, func(g *gateway, w http.ResponseWriter, r *http.Request) {
		g.onward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), filesKey{}, files)))
	}}
}

// move renames the files of an answer, where a fault has asked for it.
func move(resp *http.Response) error {
	files, ok := resp.Request.Context().Value(filesKey{}).(string)
	if !ok || resp.ContentLength < 0 || resp.ContentLength > maxMoved {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	moved := files + movedPrefix + strconv.FormatUint(rand.Uint64(), 36) + "/"
	body = bytes.ReplaceAll(body, []byte(files+"/"), []byte(moved))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// unmoved is the path that the file host knows.
func unmoved(path string) string {
	rest, ok := strings.CutPrefix(path, movedPrefix)
	if !ok {
		return path
	}
	_, rest, _ = strings.Cut(rest, "/")
	return "/" + rest
}
