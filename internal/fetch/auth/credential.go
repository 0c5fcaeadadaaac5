package auth

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/secret"
)

// maxCredentialBytes bounds a secret file.
const maxCredentialBytes = 64 << 10

// statInterval is how often a secret file is checked, at most.
const statInterval = time.Second

// Credential is a secret that may change while the worker runs. Both methods
// are safe for concurrent use and return a value that can stand in a header;
// their errors do not contain it.
type Credential interface {
	// Secret returns the current value, which may be a second old.
	Secret() (secret.String, error)
	// Reread returns the value as it is now: for a value that was refused.
	Reread() (secret.String, error)
}

// FixedCredential returns a credential that does not change.
func FixedCredential(value secret.String) Credential {
	return fixedCredential(func() secret.String { return value })
}

// fixedCredential is a function because fmt does not ask the fields of a
// foreign struct how they want to be printed.
type fixedCredential func() secret.String

func (f fixedCredential) Secret() (secret.String, error) { return checkCredential(f().Reveal()) }
func (f fixedCredential) Reread() (secret.String, error) { return f.Secret() }

// FileCredential returns a credential in a file, which is read again when it
// changes. Kubernetes replaces a mounted secret by swapping a symbolic link,
// so the file behind the path is compared, not only its time. White space
// around the value is cut.
func FileCredential(path string) Credential { return &fileCredential{path: path} }

// fileCredential remembers which file it read, so that reading it usually
// costs one stat.
type fileCredential struct {
	path string

	mu      sync.Mutex
	checked time.Time
	seen    os.FileInfo
	current secret.String
}

// Format prints the path alone.
func (f *fileCredential) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, f.path) }

func (f *fileCredential) Secret() (secret.String, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.current.IsZero() && time.Since(f.checked) < statInterval {
		return f.current, nil
	}
	return f.reload()
}

func (f *fileCredential) Reread() (secret.String, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = nil
	return f.reload()
}

// reload reads the file if it is another one than before.
func (f *fileCredential) reload() (secret.String, error) {
	f.checked = time.Now()
	info, err := os.Stat(f.path)
	if err != nil {
		return f.keep(err)
	}
	if f.seen != nil && os.SameFile(f.seen, info) && f.seen.ModTime().Equal(info.ModTime()) && f.seen.Size() == info.Size() {
		return f.current, nil
	}
	value, err := readCredential(f.path)
	if err != nil {
		return f.keep(err)
	}
	f.seen, f.current = info, value
	return value, nil
}

// keep goes on with the last value that could be read: a file may be gone for
// the moment of its replacement, and a value that is no longer good shows by
// being refused.
func (f *fileCredential) keep(err error) (secret.String, error) {
	if !f.current.IsZero() {
		return f.current, nil
	}
	return secret.String{}, fmt.Errorf("read the secret file: %w", err)
}

// readCredential reads the file, whose size is not trusted: the path may be wrong.
func readCredential(path string) (secret.String, error) {
	file, err := os.Open(path) //nolint:gosec // the path is the operator's own setting
	if err != nil {
		return secret.String{}, err
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, maxCredentialBytes+1))
	if err != nil {
		return secret.String{}, err
	}
	if len(raw) > maxCredentialBytes {
		return secret.String{}, fmt.Errorf("%s has more than %d bytes", path, maxCredentialBytes)
	}
	value, err := checkCredential(strings.TrimSpace(string(raw)))
	if err != nil {
		return secret.String{}, fmt.Errorf("%s: %w", path, err)
	}
	return value, nil
}

// checkCredential refuses what cannot stand in a header.
func checkCredential(value string) (secret.String, error) {
	if value == "" {
		return secret.String{}, errors.New("the secret is empty")
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return secret.String{}, fmt.Errorf("the secret has a byte at %d that is not printable ASCII", i+1)
		}
	}
	return secret.New(value), nil
}
