//go:build linux || darwin

package main

import (
	"errors"
	"os"
	"syscall"
)

// tryLock does not wait. A file system without locks is taken as it is.
func tryLock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return errLocked
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	}
	return err
}
