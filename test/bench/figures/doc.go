// Package figures is the arithmetic of the benchmark: what one run has shown,
// what several runs come to, and whether that is within reach. It measures
// nothing itself.
package figures
