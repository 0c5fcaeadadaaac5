// Package profile writes the profiles of a program that the benchmark starts,
// when its environment names a folder for them. No program that is shipped
// links it.
package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"strconv"
	"time"
)

// Dir is the environment variable that names the folder.
const Dir = "BENCH_PROFILES"

// Start profiles the program until finish is called, if it is to be profiled,
// and writes <name>-<pid>.cpu, .allocs and .heap. The last is of the moment at
// which the most was in use.
func Start(name string) (finish func()) {
	dir := os.Getenv(Dir)
	if dir == "" {
		return func() {}
	}
	base := filepath.Join(dir, name+"-"+strconv.Itoa(os.Getpid()))
	cpu, err := os.Create(base + ".cpu")
	if err == nil {
		err = pprof.StartCPUProfile(cpu)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "no profile is written:", err)
		return func() {}
	}
	stop := watchHeap(base + ".heap")
	return func() {
		stop()
		pprof.StopCPUProfile()
		_ = cpu.Close()
		write("allocs", base+".allocs")
	}
}

// heapInterval is between two looks at the heap, and heapStep how much more
// has to be in use to be worth a profile.
const (
	heapInterval = 100 * time.Millisecond
	heapStep     = 1.1
)

// watchHeap writes a profile whenever clearly more of the heap is in use than
// ever before.
func watchHeap(path string) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(heapInterval)
		defer ticker.Stop()
		for peak := 0.0; ; {
			select {
			case <-ticker.C:
			case <-quit:
				return
			}
			if now := inUse(); now > peak*heapStep {
				peak = now
				runtime.GC() // a heap profile is of the last collection
				write("heap", path)
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// inUse is the heap's objects in bytes, dead ones included.
func inUse() float64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return float64(sample[0].Value.Uint64())
}

func write(kind, path string) {
	file, err := os.Create(path)
	if err == nil {
		err = pprof.Lookup(kind).WriteTo(file, 0)
		_ = file.Close()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "no %s profile is written: %v\n", kind, err)
	}
}
