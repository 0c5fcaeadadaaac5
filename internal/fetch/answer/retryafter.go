package answer

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that counts: a result lives for 15 minutes.
const maxRetryAfter = 5 * time.Minute

// RetryAfter is how long an answer asks to wait: by its Retry-After header (RFC
// 9110, section 10.2.3) or by extensions.retry_after of its body, in seconds; the
// longer of the two, between 0 and five minutes.
func RetryAfter(header http.Header, body []byte) time.Duration {
	return retryAfter(header, parseProblem(body).Extensions, time.Now())
}

func retryAfter(header http.Header, extensions json.RawMessage, now time.Time) time.Duration {
	// A date is by the clock of whoever wrote it.
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return max(headerDelay(header.Get("Retry-After"), now), bodyDelay(extensions))
}

// headerDelay reads either form of Retry-After.
func headerDelay(value string, now time.Time) time.Duration {
	if value = strings.TrimSpace(value); value == "" {
		return 0
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter)
	}
	// No wait has so many seconds: it is a time since 1970, as some servers write it.
	if epoch, err := strconv.ParseInt(value, 10, 64); err == nil && epoch > 1_000_000_000 && epoch < 10_000_000_000 {
		return min(max(time.Unix(epoch, 0).Sub(now), 0), maxRetryAfter)
	}
	return seconds(value)
}

// bodyDelay reads the API's own form: a number, or a number in a string.
func bodyDelay(extensions json.RawMessage) time.Duration {
	if len(extensions) == 0 {
		return 0
	}
	var e struct {
		RetryAfter json.RawMessage `json:"retry_after"`
	}
	if json.Unmarshal(extensions, &e) != nil {
		return 0
	}
	if s := text(e.RetryAfter); s != "" {
		return seconds(s)
	}
	return seconds(string(e.RetryAfter))
}

// seconds reads a number of seconds. What is none counts as nothing said.
func seconds(value string) time.Duration {
	// A number out of range is read as infinity, any other text as zero.
	n, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
	switch {
	case n >= maxRetryAfter.Seconds():
		return maxRetryAfter
	case n > 0:
		return time.Duration(n * float64(time.Second))
	}
	return 0
}
