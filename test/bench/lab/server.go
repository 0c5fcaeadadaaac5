package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jobferry/jobferry/test/bench/figures"
	"github.com/jobferry/jobferry/test/bench/servers"
)

// ServeCommand is the argument by which the benchmark's binary is told to be a
// server; the role and its folder follow.
const ServeCommand = "serve"

// server is one role in a process of its own.
type server struct {
	process *Process
	url     string
	in      io.WriteCloser
	asks    *json.Encoder
	answers *json.Decoder
}

func startServer(self, name, dir string) (*server, error) {
	cmd := command(self, []string{ServeCommand, name, dir}, []string{"HOME=" + dir}, os.Stderr)
	in, inErr := cmd.StdinPipe()
	cmd.Stdout = nil
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	s := &server{in: in, asks: json.NewEncoder(in), answers: json.NewDecoder(out)}
	var hello servers.Hello
	err := s.answers.Decode(&hello) // before Wait, which closes the pipe
	s.process = attend(name, cmd)
	if err != nil {
		s.process.Kill()
		return nil, fmt.Errorf("%s did not start: %w", name, err)
	}
	s.url = hello.URL
	return s, nil
}

// add has the server take jobs.
func (s *server) add(batch servers.Batch) error {
	if err := s.asks.Encode(batch); err != nil {
		return fmt.Errorf("add jobs: %w", err)
	}
	var done servers.Done
	if err := s.answers.Decode(&done); err != nil {
		return fmt.Errorf("add jobs: %w", err)
	}
	if done.Error != "" {
		return errors.New("add jobs: " + done.Error)
	}
	return nil
}

// stop ends the server by the end of its input.
func (s *server) stop() (figures.Usage, error) {
	return s.process.stop(func() { _ = s.in.Close() })
}
