package auth

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jobferry/jobferry/internal/fetch/fetchtest"
	"github.com/jobferry/jobferry/internal/secret"
)

func write(t testing.TB, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func reveal(t testing.TB, read func() (secret.String, error)) string {
	t.Helper()
	value, err := read()
	require.NoError(t, err)
	return value.Reveal()
}

func TestFileCredentialIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, " one\n")
	synctest.Test(t, func(t *testing.T) {
		c := FileCredential(path)
		require.Equal(t, "one", reveal(t, c.Secret))

		write(t, path, "two")
		require.Equal(t, "one", reveal(t, c.Secret), "it is looked at once a second")
		require.Equal(t, "two", reveal(t, c.Reread), "unless it was refused")

		write(t, path, "three")
		time.Sleep(statInterval)
		require.Equal(t, "three", reveal(t, c.Secret))
	})
}

// Kubernetes mounts a secret as a link to a link to a directory, and swaps the
// one in the middle.
func TestFileCredentialBehindASwappedLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, version := range []string{"v1", "v2"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		file := filepath.Join(dir, version, "token")
		require.NoError(t, os.WriteFile(file, []byte(version), 0o600))
		require.NoError(t, os.Chtimes(file, when, when), "neither time nor size tell them apart")
	}
	swap := func(version string) {
		require.NoError(t, os.Symlink(version, filepath.Join(dir, "..tmp")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
	}
	swap("v1")
	require.NoError(t, os.Symlink("..data/token", filepath.Join(dir, "token")))
	synctest.Test(t, func(t *testing.T) {
		c := FileCredential(filepath.Join(dir, "token"))
		require.Equal(t, "v1", reveal(t, c.Secret))
		swap("v2")
		time.Sleep(statInterval)
		require.Equal(t, "v2", reveal(t, c.Secret))
	})
}

func TestFileCredentialThatIsGone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	c := FileCredential(path)
	_, err := c.Secret()
	require.ErrorIs(t, err, os.ErrNotExist)

	write(t, path, "one")
	require.Equal(t, "one", reveal(t, c.Secret), "an error is not kept")
	require.NoError(t, os.Remove(path))
	require.Equal(t, "one", reveal(t, c.Reread), "the last good value is")
	write(t, path, "\n")
	require.Equal(t, "one", reveal(t, c.Reread))
}

func TestFileCredentialThatIsNoSecret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	for _, content := range []string{"", " \n", "hunter2\nX-Other: hunter2", strings.Repeat("hunter2", maxCredentialBytes)} {
		write(t, path, content)
		_, err := FileCredential(path).Secret()
		require.Error(t, err)
		fetchtest.RequireNoSecret(t, err)
	}
	_, err := FileCredential(t.TempDir()).Secret()
	require.Error(t, err)
}
