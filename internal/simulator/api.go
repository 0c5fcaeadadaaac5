package simulator

import (
	"net/http"
)

// The endpoints, as the record names them.
const (
	endpointToken  = "token"
	endpointResult = "result"
	endpointStatus = "status"
	endpointFile   = "file"
)

// apiHandler routes the API. Each endpoint says what it would answer; all the
// rest, from the record to the faults, is the same for all of them.
func (s *Server) apiHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /oauth/token", s.endpoint(endpointToken, s.tokenAnswer))
	mux.Handle("GET /jobs/{jobID}", s.endpoint(endpointResult, func(r *http.Request) answer {
		return s.resultAnswer(r, s.jobs.read(r.PathValue("jobID"), true))
	}))
	mux.Handle("GET /jobs/{jobID}/status", s.endpoint(endpointStatus, func(r *http.Request) answer {
		return statusAnswer(r, s.jobs.read(r.PathValue("jobID"), false))
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answerProblem(http.StatusNotFound, r).send(w, r)
	})
	return mux
}

func (s *Server) filesHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{jobID}/{index}/{name}", s.serveFile)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		// What S3 says to any other method: the URL is signed for GET.
		storeError{Code: "SignatureDoesNotMatch", Message: "The request signature does not match."}.
			send(w, http.StatusForbidden)
	})
	return mux
}

func (s *Server) endpoint(name string, own func(*http.Request) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("jobID")
		done := s.record.call(name, id, r)
		counted := &countingWriter{ResponseWriter: w}
		defer func() { done(counted.status) }() // also when the answer breaks off
		a := s.answer(name, id, r, own)
		s.validate(name, r, a)
		a.send(counted, r)
	})
}

// answer decides who speaks: the API's condition, the script, or the endpoint
// itself. A request that may not come in is answered before a script is.
func (s *Server) answer(name, id string, r *http.Request, own func(*http.Request) answer) answer {
	now := s.conditions.get()
	switch {
	case now.Down, now.TokenDown && name == endpointToken:
		return answerProblem(http.StatusServiceUnavailable, r)
	case !s.conditions.allow(s.options.Now()):
		return throttledAnswer(r)
	case name != endpointToken && (now.Unauthorized || !s.tokens.accepts(r)):
		a := answerProblem(http.StatusUnauthorized, r)
		a.Reply = a.With("WWW-Authenticate", "Bearer")
		return a
	}
	if reply, ok := s.jobs.scripted(name, id); ok {
		return scriptedAnswer(reply, func() answer { return own(r) })
	}
	return own(r)
}

// throttledAnswer asks for a second's patience, in both of the ways that the
// API is reported to ask.
func throttledAnswer(r *http.Request) answer {
	p := problemOf(http.StatusTooManyRequests, r.URL.Path)
	p.Extensions = map[string]any{"retry_after": 1}
	a := answerJSON(http.StatusTooManyRequests, p)
	a.ContentType = typeProblem
	a.Reply = a.With("Retry-After", "1")
	return a
}
