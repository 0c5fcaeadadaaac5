package main

import (
	"fmt"
	"os"
)

// memoryFolder is where Linux keeps files in memory, and memoryRoom what has to
// be free there, in bytes: files of 100 KiB alone take 1 GiB, and side by side
// there are two of everything.
const (
	memoryFolder = "/dev/shm"
	memoryRoom   = 8 << 30
)

// folder returns the folder for the servers' data, and what takes it away if it
// is ours. Without a wish it is in memory where there is room: a disk that has
// to write what an earlier run left behind would be what is measured.
func folder(dir string) (path string, remove func() error, err error) {
	if dir != "" {
		return dir, func() error { return nil }, os.MkdirAll(dir, 0o750)
	}
	parent := "" // that of the system
	if freeBytes(memoryFolder) >= memoryRoom {
		parent = memoryFolder
	}
	if path, err = os.MkdirTemp(parent, "jobferry-bench-"); err != nil {
		return "", nil, fmt.Errorf("make a folder for the run: %w", err)
	}
	return path, func() error { return os.RemoveAll(path) }, nil
}
