package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jobferry/jobferry/internal/fetch/answer"
	"github.com/jobferry/jobferry/internal/fetch/watchdog"
	"github.com/jobferry/jobferry/internal/job"
)

// noJob is a job that does not exist, to ask whether the API answers at all.
const noJob = "00000000-0000-0000-0000-000000000000"

// Poll asks for a job's result. An answer that could be read is returned as
// it is; every other outcome is an error, as the package comment says. A
// completed answer may carry a payload that is still being received: then ctx
// governs it too. The caller closes the answer when its files are of no further
// use, because the memory that they take is bounded over all answers.
func (c *Client) Poll(ctx context.Context, id job.ID) (job.Answer, error) {
	r, err := c.call(ctx, endpointResult, "jobs", string(id))
	if errors.Is(err, errUnauthorized) && c.Probe(ctx) == nil { // the token is good for others
		return job.Answer{}, answer.Unauthorized()
	}
	if err != nil {
		return job.Answer{}, err
	}
	switch r.StatusCode {
	case http.StatusOK, http.StatusNonAuthoritativeInfo: // the latter is a 200 that a proxy has changed
		return c.answers.Read(r, id)
	}
	return withoutResult(r)
}

// withoutResult is the meaning of an answer that is not a 200. It takes the
// response over.
func withoutResult(r *watchdog.Response) (job.Answer, error) {
	defer r.Drain()
	body, err := r.ReadPrefix(answer.MaxProblem)
	if err != nil && r.Interrupted() {
		return job.Answer{}, answer.Classify(err)
	}
	problem := answer.IsProblem(r.Header, body)
	switch code := r.StatusCode; {
	case code == http.StatusNoContent, code == http.StatusNotFound && answer.IsObject(body):
		return job.Answer{Verdict: job.Running, RetryAfter: answer.RetryAfter(r.Header, body)}, nil
	case code == http.StatusPaymentRequired, code == http.StatusForbidden && problem:
		return job.Answer{}, answer.Forbidden(r, body)
	case code == http.StatusGone && problem:
		return job.Answer{}, answer.Rejected(r, job.ReasonJobExpired, body)
	case isRejection(code) && problem:
		return job.Answer{}, answer.Rejected(r, job.ReasonAPIRejected, body)
	case isRejection(code), code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusGone:
		return job.Answer{}, answer.NotTheAPI(r, "without a problem document")
	}
	return job.Answer{}, answer.Unavailable(r, body)
}

// isRejection reports whether a code with a problem document ends the job.
func isRejection(code int) bool {
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// Status asks for a job's status: Unknown if the API does not know the job. A
// status that is not known is Running. A 410 is a permanent [job.Error]; everything
// else that tells nothing about the job is one of class unavailable.
func (c *Client) Status(ctx context.Context, id job.ID) (job.Verdict, error) {
	r, err := c.call(ctx, endpointStatus, "jobs", string(id), "status")
	if err != nil {
		return "", err
	}
	defer r.Drain()
	body, err := r.ReadPrefix(answer.MaxProblem)
	if err != nil {
		return "", answer.During("read the job's status", err)
	}
	switch code := r.StatusCode; {
	case code == http.StatusNotFound && answer.IsObject(body):
		return job.Unknown, nil
	case code == http.StatusNotFound:
		return "", answer.NotTheAPI(r, "without JSON")
	case code == http.StatusGone && answer.IsProblem(r.Header, body):
		return "", answer.Rejected(r, job.ReasonJobExpired, body)
	case code == http.StatusOK, code == http.StatusNonAuthoritativeInfo:
		return answer.ParseStatus(body)
	}
	return "", answer.Unavailable(r, body)
}

// Probe makes one request that shows whether the API answers and takes the
// credentials: only its own 404, in JSON, shows that. Otherwise it returns a
// [job.Error]: refused, throttled or unavailable.
func (c *Client) Probe(ctx context.Context) error {
	c.api.CloseIdleConnections() // the API's name may lead elsewhere by now
	r, err := c.call(ctx, endpointStatus, "jobs", noJob, "status")
	if err != nil {
		return err
	}
	defer r.Drain()
	body, err := r.ReadPrefix(answer.MaxProblem)
	switch {
	case err != nil:
		return answer.During("read the job API's answer", err)
	case r.StatusCode == http.StatusNotFound && answer.IsObject(body),
		isRejection(r.StatusCode) && answer.IsProblem(r.Header, body), r.StatusCode == http.StatusGone && answer.IsProblem(r.Header, body):
		return nil
	case r.StatusCode == http.StatusNotFound:
		return answer.NotTheAPI(r, "without JSON; is NITRO_API_URL right")
	case answer.IsProblem(r.Header, body) && (r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusPaymentRequired):
		return &job.Error{Class: job.ClassRefused, By: job.API, Err: fmt.Errorf("the job API answers %d to every job; is the account in order", r.StatusCode)}
	}
	return answer.Unavailable(r, body)
}
