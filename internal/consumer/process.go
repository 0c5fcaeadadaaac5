package consumer

import (
	"github.com/jobferry/jobferry/internal/consumer/pull"
	"github.com/jobferry/jobferry/internal/job"
	"go.uber.org/zap"
)

// process takes one message through the whole pipeline: its stages, the decision
// about its job, and what follows from that at the broker.
func (w *Worker) process(m pull.Message) {
	d, release, err := w.newDelivery(m)
	defer release()
	if err != nil {
		w.log.Error("a message that is none of JetStream's arrived on a pull subject; it is left alone", zap.Error(err))
		return
	}
	span := w.startSpan(d)
	defer span.End()

	var j job.Job
	stored, err := w.run(d, &j)
	describeJob(span, j)
	next := w.decide(d.stage, &j, stored, err)
	j.LastError = lastError(j.LastError, next, err)
	next, err = w.settle(d, j, next)
	describeDecision(span, next, err)
	if err != nil {
		w.logLeft(d, j, err)
	}
}

// run is the stages of a job whose result is there. An error ends it early, and
// decide knows what the error means: every job that is not finished ends so.
func (w *Worker) run(d *delivery, j *job.Job) (result, error) {
	answer, err := w.intakeAndPoll(d, j)
	w.polls.ObservePoll(d.lane, err == nil)
	var stored result
	if err == nil {
		stored, err = w.transfer(d, j, answer)
	}
	return stored, w.checkDeadline(d, j, err)
}

// intakeAndPoll returns the answer that carries the job's result. It does
// nothing when another worker may have the message.
func (w *Worker) intakeAndPoll(d *delivery, j *job.Job) (job.Answer, error) {
	if err := d.lease.Held(); err != nil {
		return job.Answer{}, left(err)
	}
	if err := w.intake(d, j); err != nil {
		return job.Answer{}, err
	}
	if w.taking.Err() != nil {
		return job.Answer{}, errDraining
	}
	return w.poll(d, j)
}
