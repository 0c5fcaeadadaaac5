// Package test runs the worker as a user does: the real binary as a child
// process, against a real nats-server, a real S3 server and the simulated job
// API, seen from the outside only.
package test
