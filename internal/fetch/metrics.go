package fetch

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// endpoint names what a request of the API was for; it is a metric label.
type endpoint string

// The endpoints of the API.
const (
	endpointResult endpoint = "result"
	endpointStatus endpoint = "status"
	endpointToken  endpoint = "token"
)

// codeError is the label of a request that had no answer.
const codeError = "error"

// metrics are the package's own. Durations are of the API only; a download's are
// the transfer's.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	resumes  prometheus.Counter
	renewals prometheus.Counter
}

// newMetrics registers the metrics, with every label value that there can be at
// zero, so that a rate is right from the first error on.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jobferry_api_requests_total",
			Help: "Requests of the job API by endpoint and status code; error is one without an answer.",
		}, []string{"endpoint", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "jobferry_api_request_duration_seconds",
			Help:    "Time until the job API's answer began.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2.5, 10),
		}, []string{"endpoint"}),
		resumes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "jobferry_download_resumes_total",
			Help: "Downloads taken up again where they broke off.",
		}),
		renewals: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "jobferry_download_renewals_total",
			Help: "Result URLs that were refused and asked for anew.",
		}),
	}
	for _, e := range []endpoint{endpointResult, endpointStatus, endpointToken} {
		m.duration.WithLabelValues(string(e))
		for _, code := range codes() {
			m.requests.WithLabelValues(string(e), code)
		}
	}
	return m, errors.Join(reg.Register(m.requests), reg.Register(m.duration), reg.Register(m.resumes), reg.Register(m.renewals))
}

// codes are the values of the code label: the codes that mean something of
// their own, the classes of all others.
func codes() []string {
	return []string{"2xx", "3xx", "4xx", "5xx", "401", "404", "408", "410", "429", codeError}
}

// codeLabel keeps the number of series fixed, whatever codes a server invents.
func codeLabel(code int) string {
	switch code {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestTimeout, http.StatusGone, http.StatusTooManyRequests:
		return strconv.Itoa(code)
	}
	switch class := code / 100; class {
	case 2, 3, 4, 5:
		return strconv.Itoa(class) + "xx"
	}
	return codeError
}

// observe counts one request.
func (m *metrics) observe(e endpoint, code string, took time.Duration) {
	m.requests.WithLabelValues(string(e), code).Inc()
	m.duration.WithLabelValues(string(e)).Observe(took.Seconds())
}
