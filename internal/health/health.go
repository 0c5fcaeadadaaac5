// Package health keeps the conditions that make the worker ready, and serves
// them over HTTP together with the metrics. It judges nothing itself: whoever
// knows a condition sets it.
package health

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

var errNotTried = errors.New("not tried yet")

// Health is a set of named conditions. It is safe for concurrent use.
type Health struct {
	log   *zap.Logger
	ready *prometheus.GaugeVec

	mu         sync.RWMutex
	conditions []*condition
}

// condition is err since it was set last.
type condition struct {
	name   string
	err    error // nil while the condition holds
	logged bool  // whether the log says that it does not hold
	line   time.Time
	since  time.Time // that it does not hold
}

// reminderInterval is between two lines about a condition that still does not hold.
const reminderInterval = time.Minute

// New returns a Health in which none of the named conditions holds yet, and
// registers the metric jobferry_ready. Setting another condition adds it.
func New(log *zap.Logger, reg prometheus.Registerer, conditions ...string) *Health {
	h := &Health{log: log, ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jobferry_ready",
		Help: "Whether a condition of readiness holds: 1 if it does, 0 if not.",
	}, []string{"condition"})}
	reg.MustRegister(h.ready)
	for _, name := range conditions {
		h.add(name, errNotTried)
	}
	return h
}

// Set says whether a condition holds: it does when err is nil. The log gets a
// line when that changes, or when the dependency begins to refuse the worker
// or ends to, none while only the words of the error change, and a reminder each
// minute while it is still set.
func (h *Health) Set(name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.find(name)
	if c == nil {
		c = h.add(name, nil)
	}
	before := c.err
	c.err = err
	h.ready.WithLabelValues(name).Set(gauge(err))
	switch {
	case err == nil && before != nil:
		c.logged, c.since = false, time.Time{}
		h.log.Info("condition holds", zap.String("condition", name))
	case err != nil && worthALine(c, before):
		if !c.logged {
			c.since = time.Now()
		}
		c.logged, c.line = true, time.Now()
		h.log.Warn("condition does not hold", zap.String("condition", name), zap.Error(err))
	case err != nil && c.logged && time.Since(c.line) >= reminderInterval:
		c.line = time.Now()
		h.log.Warn("condition still does not hold", zap.String("condition", name), zap.Duration("for", time.Since(c.since).Round(time.Second)), zap.Error(err))
	}
}

// worthALine reports whether the log is to be told of c, which does not hold.
func worthALine(c *condition, before error) bool {
	if c.logged {
		return job.IsRefused(c.err) != job.IsRefused(before)
	}
	return before == nil || before.Error() != c.err.Error()
}

// Ready reports whether all conditions hold.
func (h *Health) Ready() bool {
	for _, s := range h.report() {
		if !s.Ready {
			return false
		}
	}
	return true
}

// Problems are the conditions that do not hold, each with what is wrong; none
// when everything is ready.
func (h *Health) Problems() []string {
	problems := []string{}
	for _, s := range h.report() {
		if !s.Ready {
			problems = append(problems, s.Condition+": "+s.Reason)
		}
	}
	return problems
}

// status is a condition as it is shown to people and probes.
type status struct {
	Condition string `json:"condition"`
	Ready     bool   `json:"ready"`
	Reason    string `json:"reason,omitempty"` // one line
}

// report returns all conditions, in a fixed order.
func (h *Health) report() []status {
	h.mu.RLock()
	defer h.mu.RUnlock()
	all := make([]status, 0, len(h.conditions))
	for _, c := range h.conditions {
		s := status{Condition: c.name, Ready: c.err == nil}
		if c.err != nil {
			s.Reason = strings.Join(strings.FieldsFunc(c.err.Error(), isBreak), "; ")
		}
		all = append(all, s)
	}
	return all
}

func isBreak(r rune) bool { return r == '\n' || r == '\r' }

// find is called with the lock held.
func (h *Health) find(name string) *condition {
	at := slices.IndexFunc(h.conditions, func(c *condition) bool { return c.name == name })
	if at < 0 {
		return nil
	}
	return h.conditions[at]
}

// add is called with the lock held, or before anybody else knows h.
func (h *Health) add(name string, err error) *condition {
	c := &condition{name: name, err: err}
	h.conditions = append(h.conditions, c)
	h.ready.WithLabelValues(name).Set(gauge(err))
	return c
}

func gauge(err error) float64 {
	if err == nil {
		return 1
	}
	return 0
}
