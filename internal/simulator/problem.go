package simulator

import "net/http"

// The media types of the API's answers.
const (
	typeJSON    = "application/json"
	typeProblem = "application/problem+json"
	typeBytes   = "application/octet-stream"
)

// problem is the API's problem document (RFC 9457).
type problem struct {
	Type       string         `json:"type"`
	Title      string         `json:"title"`
	Status     int            `json:"status"`
	Detail     string         `json:"detail"`
	Instance   string         `json:"instance,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`
}

// problemTypes are the anchors and details of the API's own examples.
var problemTypes = map[int]struct{ anchor, detail string }{
	http.StatusBadRequest:            {"400-bad-request", "Request validation failed"},
	http.StatusUnauthorized:          {"401-unauthorized", "Missing or invalid Authorization header"},
	http.StatusForbidden:             {"403-forbidden", "Access to the resource is denied"},
	http.StatusNotFound:              {"404-not-found", "Resource not found"},
	http.StatusGone:                  {"410-gone", "FileNoLongerAvailable"},
	http.StatusRequestEntityTooLarge: {"413-content-too-large", "Uploaded document exceeds the file size limit"},
	http.StatusUnprocessableEntity:   {"422-unprocessable-entity", "The request was well-formed but could not be processed"},
	http.StatusTooManyRequests:       {"429-too-many-requests", "Rate limit exceeded"},
	http.StatusInternalServerError:   {"500-internal-server-error", "An unexpected error occurred"},
}

func problemOf(status int, instance string) problem {
	p := problem{Title: http.StatusText(status), Status: status, Instance: instance, Type: "about:blank"}
	if known, ok := problemTypes[status]; ok {
		p.Type = "https://developers.gonitro.com/docs/build-nitro/errors#" + known.anchor
		p.Detail = known.detail
	}
	return p
}
