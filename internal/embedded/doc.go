// Package embedded runs the worker's neighbors inside a process: a nats-server
// with JetStream, and an S3 server on a directory. It is for tests and for the
// standalone program. It is not for production: nothing here is replicated,
// access is one fixed key, and the S3 server takes over the process's working
// directory while it runs.
package embedded
