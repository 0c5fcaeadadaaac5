package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jobferry/jobferry/internal/job"
)

// noJob is a job that does not exist, to ask whether the API answers at all.
const noJob = "00000000-0000-0000-0000-000000000000"

// Poll asks for a job's result. An answer that could be read is returned as
// it is; every other outcome is an error, as the package comment says. A
// completed answer may carry a payload that is still being received: then ctx
// governs it too. The caller closes the answer once its files are of no use any
// more, for the memory that they take is bounded over all answers.
func (c *Client) Poll(ctx context.Context, id job.ID) (job.Answer, error) {
	return c.poll(ctx, id, everyFile)
}

// poll keeps some files of the result only, or all of them.
func (c *Client) poll(ctx context.Context, id job.ID, which selection) (job.Answer, error) {
	r, err := c.call(ctx, endpointResult, "jobs", string(id))
	if err != nil {
		return job.Answer{}, err
	}
	answer, err := c.classify(r, which)
	if err != nil {
		return job.Answer{}, unavailable(err)
	}
	return answer, nil
}

// classify turns an answer to a poll into its meaning. It owns the response.
func (c *Client) classify(r *response, which selection) (job.Answer, error) {
	if r.StatusCode == http.StatusOK {
		return c.readContent(r, which)
	}
	defer r.drain()
	body, err := r.head(problemLimit)
	if err != nil && r.parent.Err() != nil {
		return job.Answer{}, err
	}
	switch r.StatusCode {
	case http.StatusNotFound:
		return job.Answer{Verdict: job.Running, RetryAfter: hint(r, body)}, nil
	case http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return job.Answer{}, settle(r, job.ReasonAPIRejected, body)
	case http.StatusGone:
		return job.Answer{}, settle(r, job.ReasonJobExpired, body)
	}
	return job.Answer{}, trouble(r, body)
}

// hint is how long an answer asks to wait.
func hint(r *response, body []byte) time.Duration {
	return retryAfter(r.Header, parseDocument(body).Extensions, time.Now())
}

// settle is the error of an answer that is final by its status code.
func settle(r *response, reason job.Reason, body []byte) error {
	return &job.Error{
		Class:   job.ClassPermanent,
		Reason:  reason,
		Problem: statusProblem(r.StatusCode, body),
		Err:     fmt.Errorf("the job API answers %d", r.StatusCode),
	}
}

// trouble is the error of an answer that says something about the API and nothing
// about the job. A redirect most likely means a wrong base URL, and is not
// followed because the token would go with it.
func trouble(r *response, body []byte) error {
	err := fmt.Errorf("the job API answers %d", r.StatusCode)
	if r.StatusCode/100 == 3 {
		err = fmt.Errorf("%w, a redirect, which is not followed; check NITRO_API_URL", err)
	}
	return &job.Error{
		Class: classOf(r.StatusCode), By: job.API,
		Err:        err,
		RetryAfter: hint(r, body),
	}
}

// classOf is the class of an answer that says nothing about the job.
func classOf(status int) job.Class {
	if status == http.StatusTooManyRequests {
		return job.ClassThrottled
	}
	return job.ClassUnavailable
}

// Status asks for a job's status: Unknown if the API does not know the job.
// Everything else that tells nothing about the job, 410 and a status that is
// not known included, is a [job.Error] of class unavailable.
func (c *Client) Status(ctx context.Context, id job.ID) (job.Verdict, error) {
	r, err := c.call(ctx, endpointStatus, "jobs", string(id), "status")
	if err != nil {
		return "", err
	}
	defer r.drain()
	body, err := r.head(problemLimit)
	if err != nil {
		return "", during("read the job's status", err)
	}
	switch r.StatusCode {
	case http.StatusNotFound:
		return job.Unknown, nil
	case http.StatusOK:
		return parseStatus(body)
	}
	return "", trouble(r, body)
}

// parseStatus reads the body of the status endpoint.
func parseStatus(body []byte) (job.Verdict, error) {
	var s struct {
		Status *string `json:"status"`
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return "", &job.Error{By: job.API, Err: fmt.Errorf("the job API's status is not readable: %w", err)}
	}
	if s.Status == nil {
		return "", &job.Error{By: job.API, Err: errNoStatus}
	}
	v := verdict(*s.Status)
	if v == job.Running && *s.Status != string(job.Running) {
		return "", &job.Error{By: job.API, Err: errors.New("the job API's status is none that is known")}
	}
	return v, nil
}

// verdict reads a status. The set is open, and only three are terminal.
func verdict(status string) job.Verdict {
	switch v := job.Verdict(status); v {
	case job.Completed, job.Failed, job.Canceled:
		return v
	default:
		return job.Running
	}
}

// Probe makes one request that shows whether the API answers and takes the
// credentials. If not, it returns a [job.Error]: refused, throttled or unavailable.
func (c *Client) Probe(ctx context.Context) error {
	r, err := c.call(ctx, endpointStatus, "jobs", noJob, "status")
	if err != nil {
		return err
	}
	defer r.drain()
	if r.StatusCode == http.StatusTooManyRequests || r.StatusCode >= http.StatusInternalServerError {
		return trouble(r, nil)
	}
	return nil
}
