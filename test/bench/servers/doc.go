// Package servers is what the benchmark's programs run against, each as a
// process of its own, so that its CPU and memory are not theirs. The binary
// that measures starts itself again in one of these roles.
//
// A role tells its address on standard output as one line of JSON, does what
// lines on standard input ask for, and ends with them.
package servers
