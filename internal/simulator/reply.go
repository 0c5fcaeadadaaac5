package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Always is every time, where a fault or a reply is counted.
const Always = -1

// Reply is one scripted answer, or, with Status 0, what is done to the answer
// that the endpoint would give by itself.
type Reply struct {
	Status      int // 0: the endpoint's own answer
	Header      http.Header
	ContentType string
	Body        string

	// Delay is waited before the answer; Until holds it back until the channel
	// is closed. Both end with the request.
	Delay time.Duration
	Until <-chan struct{}
	// Cut closes the connection after that many bytes of the body.
	Cut int64
	// Hang never answers: it holds the request until the client goes away or
	// the server closes.
	Hang bool
	// Reset resets the connection without an answer.
	Reset bool
	// Repeat is how many times the reply is given again; Always for ever.
	Repeat int
}

// Times returns the reply to be given n times in all.
func (r Reply) Times(n int) Reply {
	r.Repeat = n - 1
	return r
}

// Forever returns the reply to be given every time.
func (r Reply) Forever() Reply {
	r.Repeat = Always
	return r
}

// With returns the reply with a header more.
func (r Reply) With(key, value string) Reply {
	header := r.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set(key, value)
	r.Header = header
	return r
}

// Problem is the API's own answer with an error status.
func Problem(status int) Reply {
	return Reply{
		Status: status, ContentType: typeProblem,
		Body: string(mustJSON(problemOf(status, ""))),
	}
}

// Throttled is 429 with a Retry-After header, in whole seconds.
func Throttled(after time.Duration) Reply {
	return Problem(http.StatusTooManyRequests).With("Retry-After", strconv.Itoa(seconds(after)))
}

// ThrottledInBody is 429 with the seconds under extensions.retry_after, as the
// API is reported to do.
func ThrottledInBody(after time.Duration) Reply {
	p := problemOf(http.StatusTooManyRequests, "")
	p.Extensions = map[string]any{"retry_after": seconds(after)}
	return Reply{Status: p.Status, ContentType: typeProblem, Body: string(mustJSON(p))}
}

// Page is an HTML page of a proxy, with any status, 200 included.
func Page(status int) Reply {
	return Reply{
		Status: status, ContentType: "text/html; charset=utf-8",
		Body: fmt.Sprintf("<!DOCTYPE html><html><head><title>%d %s</title></head><body><h1>%[2]s</h1></body></html>\n",
			status, http.StatusText(status)),
	}
}

// JSON is a 200 with the body as it is, well formed or not.
func JSON(body string) Reply {
	return Reply{Status: http.StatusOK, ContentType: typeJSON, Body: body}
}

// Reset is a connection that is reset instead of an answer.
func Reset() Reply { return Reply{Reset: true} }

// Hang is an answer that never comes.
func Hang() Reply { return Reply{Hang: true} }

// CutAfter is the endpoint's own answer, cut after n bytes of its body.
func CutAfter(n int64) Reply { return Reply{Cut: n} }

// HeldUntil is the endpoint's own answer, held back until the channel is closed.
func HeldUntil(released <-chan struct{}) Reply { return Reply{Until: released} }

// seconds rounds up: an answer never asks for less than was meant.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
