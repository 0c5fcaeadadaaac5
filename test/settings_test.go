package test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobferry/jobferry/internal/job"
	"github.com/jobferry/jobferry/internal/simulator"
	"github.com/stretchr/testify/require"
)

// A pod takes one job a token, and tokens come at the rate from the moment
// that it starts: so the n-th poll comes no sooner than n-1 tokens after that,
// however slow the machine is.
func TestPollRateIsNeverPassed(t *testing.T) {
	t.Parallel()
	const rate, count = 8, 24
	w := newWorld(t)
	status, _, errs := w.run("", "setup")
	require.Zero(t, status, errs)
	jobs := make([]simulator.Job, 0, count/2)
	for i := range count / 2 { // two polls each, the second as a due job
		jobs = append(jobs, simulator.Job{ID: fmt.Sprintf("paced-%d", i), Polls: 1})
	}
	w.add(jobs...)
	start := time.Now()
	w.start(map[string]string{"WORKER_POLL_RATE": strconv.Itoa(rate), "WORKER_POLLS": "16"})
	var polls []time.Time
	for _, j := range jobs {
		w.event(j.ID)
		for _, call := range w.api.JobRecord(j.ID).Polls {
			polls = append(polls, call.At)
		}
	}
	require.GreaterOrEqual(t, len(polls), count)
	slices.SortFunc(polls, time.Time.Compare)
	for n, at := range polls {
		require.GreaterOrEqual(t, at.Sub(start), time.Duration(n)*time.Second/rate, "poll %d", n+1)
	}
}

// everyUpload is a job of each way to upload: in one go, in parts because of
// its size, and in parts because nobody knows the size.
func everyUpload() []simulator.Job {
	return []simulator.Job{
		{ID: "small"},
		{ID: "large", Files: []simulator.File{{Size: 12 << 20}}},
		{ID: "unknown", Files: []simulator.File{{Size: 12 << 20, Chunked: true, OmitSize: true}}},
		{ID: "payload", Kind: job.KindTables},
	}
}

func TestStorageClassAndEncryptionReachTheStore(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[string]string{
		"class": {"X-Amz-Storage-Class": "STANDARD_IA"},
		"aes":   {"X-Amz-Server-Side-Encryption": "AES256"},
		"kms": {
			"X-Amz-Server-Side-Encryption":                "aws:kms",
			"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "arn:aws:kms:eu-central-1:1:key/2",
		},
		"none": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			proxy := newS3Proxy(t, w)
			w.start(map[string]string{
				"S3_STORAGE_CLASS":  want["X-Amz-Storage-Class"],
				"S3_SSE":            want["X-Amz-Server-Side-Encryption"],
				"S3_SSE_KMS_KEY_ID": want["X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"],
				"S3_PREFIX":         "archive/2026-",
			}).ready()
			w.add(everyUpload()...)
			for _, j := range everyUpload() {
				w.check(j)
			}
			made := proxy.matching(creates)
			require.GreaterOrEqual(t, len(made), len(everyUpload()))
			for _, r := range made {
				require.Equal(t, want, attributes(r.Header), "%s %s", r.Method, r.URL)
			}
			require.ElementsMatch(t, []string{
				"archive/2026-small/result.bin", "archive/2026-large/result.bin", "archive/2026-unknown/result.bin", "archive/2026-payload/result.json",
			}, w.objects())
		})
	}
}

// attributes are the headers that say how an object is to be kept.
func attributes(header http.Header) map[string]string {
	found := map[string]string{}
	for name := range header {
		if strings.HasPrefix(name, "X-Amz-Server-Side") || name == "X-Amz-Storage-Class" {
			found[name] = header.Get(name)
		}
	}
	return found
}

func TestAStoreThatIsTooBusyIsAskedAgainAndThenWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxy := newS3Proxy(t, w)
	p := w.start(nil)
	p.ready()
	proxy.busy.Store(true)
	w.add(everyUpload()...)
	w.eventually("no job waits for the store", func() bool { return p.metric(`jobferry_timers_armed_total{cause="transfer"}`) >= 4 })
	w.eventually("what can be asked again is not, before its job waits", func() bool {
		return len(proxy.matching(func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Amz-Sdk-Request"), "attempt=3") })) > 0
	})
	require.Zero(t, w.count("JOBS_EVENTS"), "no job is charged")
	proxy.busy.Store(false)
	for _, j := range everyUpload() {
		w.check(j)
	}
	p.ready()
	w.nothingLeft()
}

// metric is the value of one series, 0 when there is none.
func (p *process) metric(series string) float64 {
	p.t.Helper()
	_, body := get(p.t, p.url()+"/metrics")
	match := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(body)
	if match == nil {
		return 0
	}
	value, err := strconv.ParseFloat(match[1], 64)
	require.NoError(p.t, err)
	return value
}
