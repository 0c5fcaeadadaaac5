package simulator

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is what an endpoint says, and what is done to it on the way.
type answer struct {
	Reply
	body    Content
	chunked bool
	// documented says that the OpenAPI documents have to know this answer.
	documented bool
}

func answerJSON(status int, value any) answer {
	return answer{
		Reply: Reply{Status: status, ContentType: typeJSON},
		body:  bytes.NewReader(mustJSON(value)), documented: true,
	}
}

func answerProblem(status int, r *http.Request) answer {
	return answer{
		Reply: Reply{Status: status, ContentType: typeProblem},
		body:  bytes.NewReader(mustJSON(problemOf(status, r.URL.Path))), documented: true,
	}
}

// scriptedAnswer turns a reply into an answer; own is what the endpoint itself
// would say, and is asked only when the reply has no status.
func scriptedAnswer(reply Reply, own func() answer) answer {
	if reply.Hang || reply.Reset {
		return answer{Reply: reply}
	}
	if reply.Status != 0 {
		return answer{Reply: reply, body: strings.NewReader(reply.Body)}
	}
	a := own()
	a.Delay, a.Until, a.Cut = reply.Delay, reply.Until, reply.Cut
	for key, values := range reply.Header {
		a.Reply = a.With(key, values[0])
	}
	return a
}

// send writes the answer. A connection that is to break is broken by
// http.ErrAbortHandler: a handler that just returns has answered 200.
func (a answer) send(w http.ResponseWriter, r *http.Request) {
	switch {
	case a.Reset:
		reset(w)
		return
	case a.Hang || !a.wait(r.Context()):
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	header := w.Header()
	maps.Copy(header, a.Header)
	if a.ContentType != "" {
		header.Set("Content-Type", a.ContentType)
	}
	if !a.chunked {
		header.Set("Content-Length", strconv.FormatInt(a.body.Size(), 10))
	}
	w.WriteHeader(a.Status)
	a.copyBody(w)
}

// wait holds the answer back, and reports whether it is still wanted.
func (a answer) wait(ctx context.Context) bool {
	if a.Delay > 0 {
		timer := time.NewTimer(a.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	if a.Until != nil {
		select {
		case <-a.Until:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (a answer) copyBody(w http.ResponseWriter) {
	flush := func() { _ = http.NewResponseController(w).Flush() }
	if a.chunked {
		flush() // or a short body would get a length after all
	}
	if a.Cut <= 0 {
		_, _ = io.Copy(w, Open(a.body)) // a client that goes away has its reasons
		return
	}
	_, _ = io.CopyN(w, Open(a.body), a.Cut)
	flush()
	panic(http.ErrAbortHandler)
}

// reset closes the connection with RST rather than FIN.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
