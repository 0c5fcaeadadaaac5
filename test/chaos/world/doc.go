// Package world is what a chaos run happens in: a cluster of real nats-server
// processes, an S3 server, the simulated API and its file host, workers as
// child processes, and a proxy that can break before each of them. It inflicts
// a plan of faults while jobs flow, waits until all is settled, and hands over
// what could be seen from the outside. It does not judge: that is the checker's
// part.
package world
