package consumer

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
)

// The states of a job that is not settled.
const (
	stateSubmitted = "submitted" // its submission has not been taken
	stateWaiting   = "waiting"   // its timer is armed
	stateDue       = "due"       // its timer has fired, and no pod has taken it
	stateInHand    = "in_hand"   // a pod has it in hand
)

// backlogLimit bounds the questions of one scrape, which Prometheus gives 10 s
// by default.
const backlogLimit = 2 * time.Second

// backlogLife is how long an answer is good for: several scrapers, and several
// pods, may ask at the same time.
const backlogLife = 5 * time.Second

// backlog exports where all jobs of the fleet are, as the broker counts them.
// It asks only when it is scraped. While the broker does not answer there are
// no such series: numbers of the past would look like calm.
type backlog struct {
	broker broker
	jobs   *prometheus.Desc
	oldest *prometheus.Desc

	mu    sync.Mutex
	at    time.Time // of the last answer
	state Census
}

func newBacklog(b broker) *backlog {
	return &backlog{
		broker: b,
		jobs: prometheus.NewDesc("jobferry_jobs", "Jobs of all pods that are not settled, by state, as the broker counts them.",
			[]string{"state"}, nil),
		oldest: prometheus.NewDesc("jobferry_oldest_job_seconds",
			"Age of the oldest submission that is not settled or waiting, and of the oldest job that is due and not concluded; 0 if there is none.",
			[]string{"state"}, nil),
	}
}

// Describe implements [prometheus.Collector].
func (b *backlog) Describe(descs chan<- *prometheus.Desc) {
	descs <- b.jobs
	descs <- b.oldest
}

// Collect implements [prometheus.Collector].
func (b *backlog) Collect(metrics chan<- prometheus.Metric) {
	state, err := b.look()
	if err != nil {
		return
	}
	for name, count := range map[string]int{
		stateSubmitted: state.Submitted, stateWaiting: state.Waiting, stateDue: state.Due, stateInHand: state.InHand,
	} {
		metrics <- prometheus.MustNewConstMetric(b.jobs, prometheus.GaugeValue, float64(count), name)
	}
	for name, age := range map[string]time.Duration{stateSubmitted: state.OldestSubmitted, stateDue: state.OldestDue} {
		metrics <- prometheus.MustNewConstMetric(b.oldest, prometheus.GaugeValue, age.Seconds(), name)
	}
}

// look returns the last answer while it is fresh, and asks anew after that.
func (b *backlog) look() (Census, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.at) < backlogLife {
		return b.state, nil
	}
	if b.broker.nc.Status() != nats.CONNECTED {
		return Census{}, nats.ErrDisconnected
	}
	ctx, cancel := context.WithTimeout(context.Background(), backlogLimit)
	defer cancel()
	state, err := Count(ctx, b.broker.js, b.broker.names)
	if err != nil {
		return Census{}, err
	}
	b.state, b.at = state, time.Now()
	return state, nil
}
