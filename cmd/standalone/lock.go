package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// lockFile stands in --dir. It is never removed: whoever waits for a file that
// is being removed would hold a lock that nobody else sees.
const lockFile = "lock"

var errLocked = errors.New("another standalone is running on it; choose another directory with --dir")

// lock keeps other processes off a directory until the file that it returns is
// closed, or this process ends in whatever way.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("--dir: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the path is the user's own
	if err != nil {
		return nil, fmt.Errorf("--dir: %w", err)
	}
	if err := tryLock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("--dir %s: %w", dir, err), file.Close())
	}
	return file, nil
}
