package figures

import "time"

// Usage is what a process has used over its whole life.
type Usage struct {
	CPU time.Duration `json:"cpuNanoseconds"`  // of all its threads, user and system
	RSS int64         `json:"peakMemoryBytes"` // the most that was resident at once
}

// Sample is what one run of one program has shown.
type Sample struct {
	Jobs    int           `json:"jobs"`
	Bytes   int64         `json:"bytes"`              // of results, not of protocols
	Elapsed time.Duration `json:"elapsedNanoseconds"` // from the start of the clock to the last event

	// Program is the measured process. Of several, CPU is the sum, and RSS the
	// largest.
	Program Usage `json:"program"`
	// Servers are the processes around it, by name. They share its machine.
	Servers map[string]Usage `json:"servers"`

	// P50 and P99 are of the workload's own latency; 0 when it has none.
	P50 time.Duration `json:"p50Nanoseconds"`
	P99 time.Duration `json:"p99Nanoseconds"`
}

// Figure is one number of a sample.
type Figure struct {
	Name string
	Of   func(Sample) float64
}

// JobsRate is jobs a second.
func JobsRate() Figure {
	return Figure{"jobs_per_second", func(s Sample) float64 { return float64(s.Jobs) / s.Elapsed.Seconds() }}
}

// BytesRate is bytes of results a second.
func BytesRate() Figure {
	return Figure{"bytes_per_second", func(s Sample) float64 { return float64(s.Bytes) / s.Elapsed.Seconds() }}
}

// CPU is CPU seconds a job.
func CPU() Figure {
	return Figure{"cpu_seconds_per_job", func(s Sample) float64 { return s.Program.CPU.Seconds() / float64(s.Jobs) }}
}

// Memory is the peak in bytes.
func Memory() Figure {
	return Figure{"peak_memory_bytes", func(s Sample) float64 { return float64(s.Program.RSS) }}
}

// Elapsed is seconds.
func Elapsed() Figure {
	return Figure{"elapsed_seconds", func(s Sample) float64 { return s.Elapsed.Seconds() }}
}

// P50 is seconds.
func P50() Figure {
	return Figure{"p50_seconds", func(s Sample) float64 { return s.P50.Seconds() }}
}

// P99 is seconds.
func P99() Figure {
	return Figure{"p99_seconds", func(s Sample) float64 { return s.P99.Seconds() }}
}

// ServerCPU is CPU seconds a job of one of the servers.
func ServerCPU(name string) Figure {
	return Figure{name + "_cpu_seconds_per_job", func(s Sample) float64 {
		return s.Servers[name].CPU.Seconds() / float64(s.Jobs)
	}}
}

// ServerMemory is the peak of one of the servers, in bytes.
func ServerMemory(name string) Figure {
	return Figure{name + "_peak_memory_bytes", func(s Sample) float64 { return float64(s.Servers[name].RSS) }}
}
