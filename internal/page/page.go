// Package page shows the whole fleet live to people: one page without outside
// resources, and a stream of server-sent events that keeps it up to date. It
// only reads. While nobody looks it asks nothing of anybody; however many
// look, it asks once a second for all of them.
package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

//go:embed page.html
var document string

// maxWatchers bounds the pages that are open at one pod.
const maxWatchers = 64

// writeLimit is how long a page may take to accept what it is sent.
const writeLimit = 10 * time.Second

// Page is the page and its stream. It is an [http.Handler].
type Page struct {
	mux    *http.ServeMux
	policy string // Content-Security-Policy
	hub    *hub
	source atomic.Pointer[Source]
}

// New returns a page that says that there is no connection yet. The caller
// closes it.
func New(log *zap.Logger) *Page {
	p := &Page{mux: http.NewServeMux(), policy: policy(document)}
	p.hub = newHub(maxWatchers, func() readFunc { return newReader(&p.source, log).read })
	p.mux.HandleFunc("GET /{$}", p.serveDocument)
	p.mux.HandleFunc("GET /live", p.serveLive)
	return p
}

// Show tells the page where to read from now on.
func (p *Page) Show(source Source) { p.source.Store(&source) }

// Close ends all streams and waits for what reads for them.
func (p *Page) Close() { p.hub.close() }

// ServeHTTP answers / and /live.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", p.policy)
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	p.mux.ServeHTTP(w, r)
}

func (p *Page) serveDocument(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(document)) // a client that went away
}

// serveLive sends each reading until the client goes away or the page closes.
func (p *Page) serveLive(w http.ResponseWriter, r *http.Request) {
	readings, leave := p.hub.join()
	if readings == nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many pages are open at this pod, or it is stopping", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	stream := http.NewResponseController(w)
	for {
		select {
		case reading, open := <-readings:
			if !open || send(w, stream, reading) != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// send writes one event. JSON has no line break of its own.
func send(w http.ResponseWriter, stream *http.ResponseController, reading []byte) error {
	if err := stream.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	if _, err := w.Write(append(append([]byte("data: "), reading...), "\n\n"...)); err != nil {
		return err
	}
	return stream.Flush()
}

var inline = regexp.MustCompile(`(?s)<(script|style)>(.*?)</`)

// policy allows what stands in the document itself, and nothing else.
func policy(document string) string {
	sources := map[string]string{}
	for _, part := range inline.FindAllStringSubmatch(document, -1) {
		sum := sha256.Sum256([]byte(part[2]))
		sources[part[1]] += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src" + sources["script"], "style-src" + sources["style"], "connect-src 'self'",
		"img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; ")
}
