package sink

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/jobferry/jobferry/internal/job"
)

// maxDetail is how much of a store's own message is repeated, in bytes.
const maxDetail = 300

// requestError is an error of the store in our own words: the SDK's have the
// URL with its query in them.
type requestError struct {
	operation string
	where     location
	code      string // S3's, empty when there was no answer
	status    int    // HTTP's, 0 when there was no answer
	detail    string
	err       error
}

func (e *requestError) Error() string {
	text := e.operation + " " + e.where.String() + ": "
	if e.status != 0 {
		text += fmt.Sprintf("%s (%d): ", e.code, e.status)
	}
	return text + e.detail
}

func (e *requestError) Unwrap() error { return e.err }

// credentialsError is an error of the credentials' source.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "the AWS SDK has no credentials: " + e.err.Error() }

func (e *credentialsError) Unwrap() error { return e.err }

// classify turns an error of the SDK into what it means for the job.
func (s *Store) classify(operation string, where location, err error) error {
	e := describe(operation, where, err)
	switch e.verdict() {
	case ofObject:
		return &job.Error{Class: job.ClassPermanent, Reason: job.ReasonStoreRejected, Err: e}
	case ofRequester:
		return &job.Error{Class: job.ClassRefused, By: job.Store, Err: fmt.Errorf("%w; %s", e, e.hint("check the AWS credentials"))}
	case ofBucket:
		if where.bucket != s.cfg.Bucket {
			return &job.Error{Class: job.ClassPermanent, Reason: job.ReasonStoreRejected, Err: e}
		}
		return &job.Error{Class: job.ClassRefused, By: job.Store, Err: fmt.Errorf("%w; %s", e, e.hint(e.bucketHint()))}
	default:
		return &job.Error{By: job.Store, Err: e}
	}
}

// describe takes from an error of the SDK what may be said of it.
func describe(operation string, where location, err error) *requestError {
	e := &requestError{operation: operation, where: where, err: err}
	if response := (*awshttp.ResponseError)(nil); errors.As(err, &response) {
		e.status = response.HTTPStatusCode()
	}
	if api := smithy.APIError(nil); errors.As(err, &api) && e.status != 0 {
		e.code, e.detail = api.ErrorCode(), api.ErrorMessage()
	} else {
		e.detail = plain(err)
	}
	e.detail = strings.ToValidUTF8(e.detail[:min(len(e.detail), maxDetail)], "")
	return e
}

// plain is the text of an error without the SDK's and net/http's envelopes,
// the latter of which names the whole URL.
func plain(err error) string {
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return transport.Err.Error()
	}
	if operation := (*smithy.OperationError)(nil); errors.As(err, &operation) {
		return operation.Err.Error()
	}
	return err.Error()
}

func codeOf(err error) string {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
