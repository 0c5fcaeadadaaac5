package daemon

import (
	"runtime/debug"

	"github.com/jobferry/jobferry/internal/config"
)

// The garbage collector's settings. A worker's live heap is a few MiB, for
// which the collector's own defaults run it dozens of times a second and take
// an eighth of the worker's time; see docs/PERFORMANCE.md.
const (
	gcPercent = 200
	// quietMemory and jobMemory are what a worker needs beside the buffers of
	// its uploads: by itself, and for each job that it may have in hand, in
	// bytes. They bound nothing; beyond them the collector works harder.
	quietMemory = 10 << 20
	jobMemory   = 128 << 10
)

// TuneMemory has this process use little memory and little time for it, as far
// as GOGC and GOMEMLIMIT do not say otherwise. It is for a process that is a
// worker and nothing else.
func TuneMemory(cfg config.Config, lookupEnv func(string) (string, bool)) {
	if _, set := lookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	if _, set := lookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(memoryLimit(cfg))
	}
}

// memoryLimit is soft, in bytes. Without one the buffers of uploads of unknown
// length, which live long, would let twice their size in garbage gather.
func memoryLimit(cfg config.Config) int64 {
	return quietMemory + int64(cfg.Worker.Polls+cfg.Worker.Transfers)*jobMemory + sinkConfig(cfg).UploadBuffers()
}
