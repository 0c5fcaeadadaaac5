package consumer

import (
	"time"

	"github.com/jobferry/jobferry/internal/consumer/limit"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the worker's own, by the names of the Prometheus conventions.
type metrics struct {
	polls       *prometheus.CounterVec   // by what came of it
	settled     *prometheus.CounterVec   // by outcome and reason
	duplicates  *prometheus.CounterVec   // dropped, by where it was noticed
	timers      *prometheus.CounterVec   // armed, by cause
	leasesLost  prometheus.Counter       //
	late        prometheus.Histogram     // from due to in hand
	endToEnd    *prometheus.HistogramVec // from submission to event
	settling    *prometheus.HistogramVec // from seen finished to event
	transfer    prometheus.Histogram     // one file
	bytes       prometheus.Counter       //
	throttled   prometheus.Counter       //
	redelivered prometheus.Counter       //
	skipped     prometheus.Counter       //
}

// Buckets in seconds: a poll's lateness is short, a job's life is not.
var (
	shortBuckets = []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
	longBuckets  = []float64{.1, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200}
)

// The values of the labels; all stand at zero from the start.
var (
	pollAnswers = []string{"running", "completed", "failed", "canceled", "rejected", "unavailable", "throttled", "refused"}
	timerCauses = []string{causeRunning, causeUnavailable, causePaused, causeNoSlot, causeDrain, causeTransfer}
	dropCauses  = []string{"waiting", "settled"}
)

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		polls:       counters("polls_total", "Polls of the job API by answer.", "answer"),
		settled:     counters("jobs_settled_total", "Terminal events published, by outcome and reason.", "outcome", "reason"),
		duplicates:  counters("duplicates_dropped_total", "Submissions dropped because their job was on its way or settled.", "job"),
		timers:      counters("timers_armed_total", "Timers armed, by what the job waits for.", "cause"),
		leasesLost:  counter("leases_lost_total", "Messages whose lease was lost while they were worked on."),
		late:        histogram("due_lateness_seconds", "Time from a timer's firing to the message being in hand.", shortBuckets),
		transfer:    histogram("transfer_duration_seconds", "Time to store one file, retries included.", longBuckets),
		bytes:       counter("transferred_bytes_total", "Bytes of stored results."),
		throttled:   counter("throttled_total", "Times the API asked this pod to slow down."),
		redelivered: counter("redeliveries_total", "Messages that another delivery had not concluded."),
		skipped:     counter("transfers_spared_total", "Files that were not downloaded again, because an earlier try had stored them whole."),
	}
	m.endToEnd = histograms("job_duration_seconds", "Time from submission to terminal event, by outcome.")
	m.settling = histograms("settle_duration_seconds", "Time from the first poll that found the job finished to its terminal event, by outcome.")
	reg.MustRegister(m.polls, m.settled, m.duplicates, m.timers, m.leasesLost, m.late, m.endToEnd, m.settling,
		m.transfer, m.bytes, m.throttled, m.redelivered, m.skipped)
	m.startAtZero()
	return m
}

func (m *metrics) startAtZero() {
	for _, answer := range pollAnswers {
		m.polls.WithLabelValues(answer)
	}
	for _, cause := range timerCauses {
		m.timers.WithLabelValues(cause)
	}
	for _, cause := range dropCauses {
		m.duplicates.WithLabelValues(cause)
	}
	for _, outcome := range job.Outcomes() {
		m.endToEnd.WithLabelValues(string(outcome))
		m.settling.WithLabelValues(string(outcome))
		if outcome != job.OutcomeFailed {
			m.settled.WithLabelValues(string(outcome), "")
		}
	}
	for _, reason := range job.Reasons() {
		m.settled.WithLabelValues(string(job.OutcomeFailed), string(reason))
	}
}

// count records a published event. The reason of a rejection is free text and
// no label.
func (m *metrics) count(data job.EventData) {
	reason := data.Reason
	if data.Status != job.OutcomeFailed {
		reason = ""
	}
	m.settled.WithLabelValues(string(data.Status), reason).Inc()
	if !data.SubmittedAt.IsZero() {
		m.endToEnd.WithLabelValues(string(data.Status)).Observe(data.SettledAt.Sub(data.SubmittedAt).Seconds())
	}
}

// countReady records how long a finished job took to settle. One that ended
// without an answer that it was finished has no such time.
func (m *metrics) countReady(data job.EventData, readyAt time.Time) {
	if !readyAt.IsZero() {
		m.settling.WithLabelValues(string(data.Status)).Observe(max(data.SettledAt.Sub(readyAt), 0).Seconds())
	}
}

// watchSlots exports how full the pod is.
func watchSlots(reg prometheus.Registerer, p *limit.Polls, t *limit.Transfers) {
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "jobferry", Name: name, Help: help, ConstLabels: labels,
		}, value))
	}
	const help = "Slots that have a job; those that are only kept for jobs to come are not in use."
	for l := range limit.Lanes {
		gauge("slots_in_use", help, prometheus.Labels{"stage": "poll_" + l.String()}, func() float64 { return float64(p.InUse(l)) })
	}
	gauge("slots_in_use", help, prometheus.Labels{"stage": "transfer"}, func() float64 { return float64(t.InUse()) })
	gauge("slots", "Slots in all.", prometheus.Labels{"stage": "poll"}, func() float64 { return float64(p.Total()) })
	gauge("slots", "Slots in all.", prometheus.Labels{"stage": "transfer"}, func() float64 { return float64(t.Total()) })
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "jobferry", Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "jobferry", Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "jobferry", Name: name, Help: help, Buckets: buckets})
}

// histograms is by outcome.
func histograms(name, help string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "jobferry", Name: name, Help: help, Buckets: longBuckets},
		[]string{"outcome"})
}

// since observes the time from start until now.
func since(h prometheus.Observer, start time.Time) { h.Observe(time.Since(start).Seconds()) }
