// Package health says whether the worker lives, whether it is ready, and what
// it measures. It finds nothing out by itself: the parts of the worker set
// their conditions.
package health

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Condition is one thing that must hold for the worker to be ready.
type Condition struct {
	Name string `json:"name"`
	// Problem says what is the matter, empty when the condition holds. It is
	// free of secrets.
	Problem string `json:"problem,omitempty"`
}

// errUnknown is a condition's problem until it is set first.
var errUnknown = errors.New("not known yet")

// Health holds the conditions. It is safe for concurrent use.
type Health struct {
	log   *zap.Logger
	gauge *prometheus.GaugeVec

	mu         sync.Mutex
	conditions map[string]error
}

// New returns a Health in which none of the named conditions holds yet.
func New(log *zap.Logger, reg prometheus.Registerer, conditions ...string) *Health {
	h := &Health{
		log: log, conditions: map[string]error{},
		gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "jobferry", Name: "ready", Help: "1 if the condition holds, else 0.",
		}, []string{"condition"}),
	}
	reg.MustRegister(h.gauge)
	for _, name := range conditions {
		h.conditions[name] = errUnknown
		h.gauge.WithLabelValues(name).Set(0)
	}
	return h
}

// Set records a condition: nil if it holds. A change is logged once; the same
// problem again, in other words too, is not.
func (h *Health) Set(condition string, err error) {
	h.mu.Lock()
	before, known := h.conditions[condition]
	h.conditions[condition] = err
	h.mu.Unlock()
	switch {
	case err == nil && (!known || before != nil):
		h.gauge.WithLabelValues(condition).Set(1)
		if known && !errors.Is(before, errUnknown) {
			h.log.Info("ready again", zap.String("condition", condition))
		}
	case err != nil && (!known || before == nil || errors.Is(before, errUnknown)):
		h.gauge.WithLabelValues(condition).Set(0)
		h.log.Warn("not ready", zap.String("condition", condition), zap.Error(err))
	}
}

// Conditions returns all of them by name.
func (h *Health) Conditions() []Condition {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Condition, 0, len(h.conditions))
	for name, err := range h.conditions {
		condition := Condition{Name: name}
		if err != nil {
			condition.Problem = err.Error()
		}
		all = append(all, condition)
	}
	slices.SortFunc(all, func(a, b Condition) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// Ready returns nil when every condition holds, and else what does not.
func (h *Health) Ready() error {
	var problems []error
	for _, condition := range h.Conditions() {
		if condition.Problem != "" {
			problems = append(problems, fmt.Errorf("%s: %s", condition.Name, condition.Problem))
		}
	}
	return errors.Join(problems...)
}
