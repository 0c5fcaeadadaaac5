package report

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is the kind of machine that the figures are of.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memoryBytes"` // 0 when the system does not tell
	System string `json:"system"`
	Go     string `json:"go"`

	BinarySize int64 `json:"binaryBytes"` // of the stripped worker
}

// ThisMachine looks at the machine that the program runs on.
func ThisMachine() Machine {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	return Machine{
		CPU: procField("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: kib << 10,
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
}

// String is the machine in one line.
func (m Machine) String() string {
	cpu := m.CPU
	if cpu == "" {
		cpu = "unknown CPU"
	}
	return fmt.Sprintf("%s, %d cores, %.0f GiB of memory, %s, %s; the stripped worker has %.1f MiB",
		cpu, m.Cores, float64(m.Memory)/(1<<30), m.System, m.Go, float64(m.BinarySize)/(1<<20))
}

// procField returns the first value of a key in one of the kernel's lists of
// "key: value"; empty where there is none.
func procField(path, key string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		name, value, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
