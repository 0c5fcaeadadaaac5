package simulator

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

//go:embed openapi.yaml
var seedDocument []byte

//go:embed reported.yaml
var reportedDocument []byte

// Contract is what the API's answers are held to: its OpenAPI document, and a
// second one for what is only reported of it.
type Contract struct {
	documents []*openapi3.T
}

// LoadContract reads the embedded documents.
func LoadContract() (*Contract, error) {
	seed, err := loadDocument(seedDocument)
	if err != nil {
		return nil, fmt.Errorf("read the API's OpenAPI document: %w", err)
	}
	tighten(seed)
	reported, err := loadDocument(reportedDocument)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document of what is reported: %w", err)
	}
	return &Contract{documents: []*openapi3.T{seed, reported}}, nil
}

func loadDocument(data []byte) (*openapi3.T, error) {
	loader := openapi3.NewLoader()
	document, err := loader.LoadFromData(data)
	if err != nil {
		return nil, err
	}
	return document, document.Validate(loader.Context)
}

// tighten makes the document's result types exclude each other. As it stands a
// result of one file and one of several files require nothing, so that every
// object is both of them, and no object at all is exactly one of the types, as
// its oneOf demands. A required file and files says what was meant.
func tighten(seed *openapi3.T) {
	seed.Components.Schemas["PlatformOperationFileResult"].Value.Required = []string{"file"}
	seed.Components.Schemas["PlatformOperationFilesResult"].Value.Required = []string{"files"}
}

// The paths of the endpoints in the documents.
var documentPaths = map[string]string{ //nolint:gosec // a path, and no secret
	endpointToken:  "/oauth/token",
	endpointResult: "/jobs/{jobID}",
	endpointStatus: "/jobs/{jobID}/status",
}

// CheckResult checks an answer of GET /jobs/{jobID}. A status that neither
// document names is an error too.
func (c *Contract) CheckResult(r *http.Request, status int, header http.Header, body []byte) error {
	return c.check(endpointResult, r, status, header, body)
}

// CheckStatus checks an answer of GET /jobs/{jobID}/status.
func (c *Contract) CheckStatus(r *http.Request, status int, header http.Header, body []byte) error {
	return c.check(endpointStatus, r, status, header, body)
}

// CheckToken checks an answer of POST /oauth/token.
func (c *Contract) CheckToken(r *http.Request, status int, header http.Header, body []byte) error {
	return c.check(endpointToken, r, status, header, body)
}

// check asks the first document that names the status.
func (c *Contract) check(endpoint string, r *http.Request, status int, header http.Header, body []byte) error {
	for _, document := range c.documents {
		route := routeOf(document, endpoint, r.Method)
		if route == nil || route.Operation.Responses.Status(status) == nil {
			continue
		}
		return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route},
			Status:                 status,
			Header:                 header,
			Body:                   io.NopCloser(bytes.NewReader(body)),
			Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
		})
	}
	return fmt.Errorf("no document knows status %d of the %s endpoint", status, endpoint)
}

func routeOf(document *openapi3.T, endpoint, method string) *routers.Route {
	path := documentPaths[endpoint]
	item := document.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		return nil
	}
	return &routers.Route{
		Spec: document, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method),
	}
}

// maxValidated is the longest answer that is validated as it is sent, in bytes:
// validation needs it in memory.
const maxValidated = 1 << 20

// validate records an answer of the simulator's own that is against the
// documents.
func (s *Server) validate(endpoint string, r *http.Request, a answer) {
	if s.contract == nil || !a.documented || a.body.Size() > maxValidated {
		return
	}
	body, err := io.ReadAll(Open(a.body))
	header := http.Header{"Content-Type": {a.ContentType}}
	r = r.WithContext(context.WithoutCancel(r.Context()))
	err = errors.Join(err, s.contract.check(endpoint, r, a.Status, header, body))
	if err != nil {
		s.record.violation(fmt.Sprintf("%s %s: %v", r.Method, r.URL.Path, err))
	}
}
