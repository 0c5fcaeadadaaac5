package test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jobferry/jobferry/internal/embedded"
	"go.uber.org/goleak"
)

// What all tests share: the S3 server, of which there can be one in a process,
// with a bucket for each test, and the binaries.
var (
	s3     *embedded.S3
	worker string // the binary, built with the race detector when the tests are
	plain  string // the binary as it ships
	root   string // of the project; the S3 gateway changes the working directory
)

const (
	accessKey = "test-access-key"
	secretKey = "test-secret-key-that-no-log-may-show"

	// One who may do what the policies of buckets say.
	limitedKey    = "limited-access-key"
	limitedSecret = "limited-secret-key-that-no-log-may-show"
)

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if code == 0 {
		if err := goleak.Find(gatewayLeftovers()...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(code)
}

// gatewayLeftovers are what the S3 gateway's HTTP library never stops.
func gatewayLeftovers() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	}
}

func runTests(m *testing.M) (int, error) {
	var err error
	if root, err = filepath.Abs(".."); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "jobferry-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	plain = filepath.Join(dir, "worker")
	if err := build(plain, false); err != nil {
		return 0, err
	}
	worker = plain
	if raceEnabled {
		worker = filepath.Join(dir, "worker-race")
		if err := build(worker, true); err != nil {
			return 0, err
		}
	}
	s3, err = embedded.StartS3(context.Background(), embedded.S3Options{
		Addr: "127.0.0.1:0", Dir: filepath.Join(dir, "s3"), AccessKey: accessKey, SecretKey: secretKey,
		Users: map[string]string{limitedKey: limitedSecret},
	})
	if err != nil {
		return 0, err
	}
	code := m.Run()
	return code, s3.Stop()
}

// version is what the worker is told of itself, as in the build of its image.
const version = "v0.0.0-test"

func build(binary string, race bool) error {
	args := []string{"build", "-ldflags=-X main.version=" + version, "-o", binary}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "../cmd/worker")...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build the worker: %w", err)
	}
	return nil
}
