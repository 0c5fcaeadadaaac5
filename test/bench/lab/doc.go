// Package lab is where the benchmark watches one program at work: the servers
// of one run, the program as a child process with exactly the environment
// that it is given, and what can be seen of both from outside. It knows
// nothing of workloads.
package lab
