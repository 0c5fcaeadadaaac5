package main

import "syscall"

// freeBytes is how much fits into a folder; 0 if that cannot be told.
func freeBytes(dir string) int64 {
	var system syscall.Statfs_t
	if syscall.Statfs(dir, &system) != nil {
		return 0
	}
	return int64(min(system.Bavail, 1<<40)) * system.Bsize
}
