// Package profile writes the profiles of a program that the benchmark starts,
// when its environment names a folder for them. No program that is shipped
// links it.
package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
)

// Dir is the environment variable that names the folder.
const Dir = "BENCH_PROFILES"

// Start profiles the program until finish is called, if it is to be profiled,
// and writes <name>-<pid>.cpu and <name>-<pid>.allocs.
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
	return func() {
		pprof.StopCPUProfile()
		_ = cpu.Close()
		if err := writeAllocations(base + ".allocs"); err != nil {
			fmt.Fprintln(os.Stderr, "no profile of allocations is written:", err)
		}
	}
}

func writeAllocations(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(file, 0), file.Close())
}
