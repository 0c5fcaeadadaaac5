package main

import "syscall"

// noExec is ST_NOEXEC of statvfs(3): the programs are built into the folder, too.
const noExec = 8

// freeBytes is how much fits into a folder that programs can run from; 0 if that
// cannot be told.
func freeBytes(dir string) int64 {
	var system syscall.Statfs_t
	if syscall.Statfs(dir, &system) != nil || system.Flags&noExec != 0 {
		return 0
	}
	return int64(min(system.Bavail, 1<<40)) * system.Bsize
}
