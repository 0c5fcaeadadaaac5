package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/simulator"
)

// printPlaces says where everything is.
func printPlaces(out io.Writer, o options, s *stack) {
	api := s.cfg.API.URL
	if s.api != nil {
		api = s.api.APIURL() + "  (simulated)"
	}
	fmt.Fprintf(out, `Jobferry, everything in one process
  NATS     %s
  S3       %s  bucket %s, access key %s, secret key %s
  job API  %s
  worker   http://%s/  live page; /readyz, /metrics
  data     %s

`, s.nats.URL(), s.s3.URL(), bucket, accessKey, secretKey, api, s.daemon.HTTPAddr(), o.dir)
}

// printHints says how to look at the results and how to go on. sample is the
// ID of a job that has settled, empty if there is none.
func printHints(out io.Writer, s *stack, subjects broker.Subjects, sample string) {
	if sample != "" {
		fmt.Fprintf(out, `
Look at the results:
  NATS_URL=%[1]s go run ./cmd/worker events --since 1h
  NATS_URL=%[1]s go run ./cmd/worker events --job %[2]s
  nats --server %[1]s sub --stream %[3]s --last-per-subject '%[9]s'
  AWS_ACCESS_KEY_ID=%[4]s AWS_SECRET_ACCESS_KEY=%[5]s AWS_REGION=%[6]s aws --endpoint-url %s s3 ls --recursive s3://%[8]s/%[2]s/
`, s.nats.URL(), sample, subjects.Events(), accessKey, secretKey, region, s.s3.URL(), bucket, subjects.AllEvents())
	}
	fmt.Fprintf(out, `
Submit more:
  NATS_URL=%[1]s go run ./cmd/worker submit text-1 files-7 failed-x
  nats --server %[1]s pub %[2]s file-42
`, s.nats.URL(), subjects.Submit())
	if s.api != nil {
		fmt.Fprintf(out, "The simulated API makes up a job for an ID that begins with one of: %s-\n", strings.Join(simulator.InventedKinds(), "-, "))
	}
	fmt.Fprintln(out, "\nPress Ctrl-C to stop.")
}
