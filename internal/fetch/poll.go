package fetch

import (
	"context"
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
	return c.poll(ctx, id, answer.EveryFile)
}

// poll keeps one file of the result, or every one.
func (c *Client) poll(ctx context.Context, id job.ID, file int) (job.Answer, error) {
	r, err := c.call(ctx, endpointResult, "jobs", string(id))
	if err != nil {
		return job.Answer{}, err
	}
	if r.StatusCode == http.StatusOK {
		return c.answers.Read(r, file)
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
	switch r.StatusCode {
	case http.StatusNotFound:
		return job.Answer{Verdict: job.Running, RetryAfter: answer.RetryAfter(r.Header, body)}, nil
	case http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return job.Answer{}, answer.Rejected(r, job.ReasonAPIRejected, body)
	case http.StatusGone:
		return job.Answer{}, answer.Rejected(r, job.ReasonJobExpired, body)
	}
	return job.Answer{}, answer.Unavailable(r, body)
}

// Status asks for a job's status: Unknown if the API does not know the job.
// Everything else that tells nothing about the job, 410 and a status that is
// not known included, is a [job.Error] of class unavailable.
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
	switch r.StatusCode {
	case http.StatusNotFound:
		return job.Unknown, nil
	case http.StatusOK:
		return answer.ParseStatus(body)
	}
	return "", answer.Unavailable(r, body)
}

// Probe makes one request that shows whether the API answers and takes the
// credentials. If not, it returns a [job.Error]: refused, throttled or unavailable.
func (c *Client) Probe(ctx context.Context) error {
	r, err := c.call(ctx, endpointStatus, "jobs", noJob, "status")
	if err != nil {
		return err
	}
	defer r.Drain()
	if r.StatusCode == http.StatusTooManyRequests || r.StatusCode >= http.StatusInternalServerError {
		return answer.Unavailable(r, nil)
	}
	return nil
}
