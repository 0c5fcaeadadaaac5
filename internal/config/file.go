package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxLook bounds what is read of a file to see that it is not empty.
const maxLook = 64 << 10

var (
	file       = reading[string]{"file", parseFile}
	secretFile = reading[string]{"file", parseSecretFile}
)

// parseFile checks that a file can be read and holds something.
func parseFile(path string) (string, error) {
	content, err := look(path)
	if err != nil {
		return path, fmt.Errorf("must be a file that can be read; %w", err)
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return path, errors.New("must be a file that is not empty")
	}
	return path, nil
}

// parseSecretFile is parseFile for paths that a secret may have been put into
// by mistake: its errors keep that from being printed.
func parseSecretFile(path string) (string, error) {
	if _, err := parseFile(path); err != nil {
		if path[0] == '/' || path[0] == '.' {
			return path, err
		}
		return path, unprintable{err}
	}
	return path, nil
}

// unprintable marks an error of a value that is not to be printed.
type unprintable struct{ error }

func (u unprintable) Unwrap() error { return u.error }

// look returns the beginning of a file. Its errors do not name the path, which
// is printed beside them.
func look(path string) ([]byte, error) {
	opened, err := os.Open(path) //nolint:gosec // the path is the operator's own setting
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = opened.Close() }()
	content, err := io.ReadAll(io.LimitReader(opened, maxLook))
	return content, reason(err)
}

// reason is the cause of an error of a file, without the file's path.
func reason(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
