package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/jobferry/jobferry/internal/secret"
)

// maxPrefix bounds what is read of a file to see what it holds. Bundles of
// certificates are the largest.
const maxPrefix = 4 << 20

var (
	secretFile = parser[string]{"file", secretFileThat(holdsSomething)}
	// headerFile is a file whose content is sent in a header.
	headerFile = parser[string]{"file", secretFileThat(fileHolding("printable ASCII and nothing else", isHeaderFile))}
	// header is a secret that is sent in a header.
	header = parser[secret.String]{"string", func(raw string) (secret.String, error) { return secret.New(raw), isHeaderValue(raw) }}
)

// holdsSomething checks that a file can be read and is not blank.
func holdsSomething(path string) error {
	_, err := readPrefix(path)
	return err
}

// fileHolding returns a check that a file can be read and holds what it is for.
func fileHolding(what string, isValid func(content []byte) bool) func(path string) error {
	return func(path string) error {
		content, err := readPrefix(path)
		if err != nil {
			return err
		}
		if !isValid(content) {
			return errors.New("must be a file that holds " + what)
		}
		return nil
	}
}

func isHeaderFile(content []byte) bool {
	return isHeaderValue(string(bytes.TrimSpace(content))) == nil
}

// isHeaderValue checks what a header may carry, as far as a secret needs it.
func isHeaderValue(raw string) error {
	for i := range len(raw) {
		if raw[i] < ' ' || raw[i] > '~' {
			return errors.New("must be printable ASCII")
		}
	}
	return nil
}

// secretFileThat is for paths that a secret may have been put into by mistake:
// what looks like one is not printed.
func secretFileThat(check func(path string) error) func(string) (string, error) {
	return func(path string) (string, error) {
		err := check(path)
		if err != nil && path[0] != '/' && path[0] != '.' {
			err = unprintable{err}
		}
		return path, err
	}
}

// unprintable marks an error of a value that is not to be printed.
type unprintable struct{ error }

func (u unprintable) Unwrap() error { return u.error }

// readPrefix returns the beginning of a file that is not blank. Its errors say what
// would be right, and do not name the path, which is printed beside them.
func readPrefix(path string) ([]byte, error) {
	content, err := readLimited(path)
	if err != nil {
		return nil, fmt.Errorf("must be a file that can be read; %w", reason(err))
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, errors.New("must be a file that is not empty")
	}
	return content, nil
}

func readLimited(path string) ([]byte, error) {
	opened, err := os.Open(path) //nolint:gosec // the path is the operator's own setting
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }()
	return io.ReadAll(io.LimitReader(opened, maxPrefix))
}

// reason is the cause of an error of a file, without the file's path.
func reason(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
