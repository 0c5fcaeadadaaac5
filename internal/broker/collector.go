package broker

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
)

// The states of a job that is not settled, as the metrics name them.
const (
	stateSubmitted = "submitted"
	stateWaiting   = "waiting"
	stateDue       = "due"
	stateInFlight  = "in_hand"
)

// statsTimeout bounds the requests of one scrape, which Prometheus gives 10 s by
// default.
const statsTimeout = 2 * time.Second

// statsMaxAge is how long an answer is good for: several scrapers, and several
// pods, may ask at the same time.
const statsMaxAge = 5 * time.Second

// statsCollector exports where all jobs of the fleet are, as the broker counts
// them. It asks only when it is scraped. While the broker does not answer there
// are no such series: old numbers would look as if all were well.
type statsCollector struct {
	client *Client
	jobs   *prometheus.Desc
	oldest *prometheus.Desc

	mu    sync.Mutex
	at    time.Time // of the last answer
	stats Stats
}

// Collector returns the metrics of the jobs of all pods.
func (c *Client) Collector() prometheus.Collector {
	return &statsCollector{
		client: c,
		jobs: prometheus.NewDesc("jobferry_jobs", "Jobs of all pods that are not settled, by state, as the broker counts them.",
			[]string{"state"}, nil),
		oldest: prometheus.NewDesc("jobferry_oldest_job_seconds",
			"Age of the oldest submission that is not settled or waiting, and of the oldest job that is due and not concluded; 0 if there is none.",
			[]string{"state"}, nil),
	}
}

// Describe implements [prometheus.Collector].
func (c *statsCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.jobs
	descs <- c.oldest
}

// Collect implements [prometheus.Collector].
func (c *statsCollector) Collect(metrics chan<- prometheus.Metric) {
	stats, err := c.cached()
	if err != nil {
		return
	}
	for state, count := range map[string]int{
		stateSubmitted: stats.Submitted, stateWaiting: stats.Waiting, stateDue: stats.Due, stateInFlight: stats.InFlight,
	} {
		metrics <- prometheus.MustNewConstMetric(c.jobs, prometheus.GaugeValue, float64(count), state)
	}
	for state, age := range map[string]time.Duration{stateSubmitted: stats.OldestSubmitted, stateDue: stats.OldestDue} {
		metrics <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, age.Seconds(), state)
	}
}

// cached returns the last answer while it is fresh, and asks anew after that.
func (c *statsCollector) cached() (Stats, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) < statsMaxAge {
		return c.stats, nil
	}
	if c.client.nc.Status() != nats.CONNECTED {
		return Stats{}, nats.ErrDisconnected
	}
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	stats, err := ReadStats(ctx, c.client.js, c.client.cfg.Subjects)
	if err != nil {
		return Stats{}, err
	}
	c.stats, c.at = stats, time.Now()
	return stats, nil
}
