package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/job"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

// unconfirmed is how many submissions may be under way to the broker at once.
const unconfirmed = 256

// confirmLimit bounds the wait for the broker's confirmation of one.
const confirmLimit = 10 * time.Second

// submission is the JSON form; with nothing set but the ID, the ID itself is
// sent.
type submission struct {
	JobID    string            `json:"jobID"`
	Prefix   string            `json:"prefix,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

func newSubmit() *cobra.Command {
	var options submission
	cmd := &cobra.Command{
		Use:   "submit [ID…]",
		Short: "Submit job IDs from the arguments, or one a line from standard input",
		Example: "  worker submit 01234567-89ab-cdef-0123-456789abcdef\n" +
			"  worker submit --prefix tenant-a/ --metadata orderID=42 job-1 job-2\n" +
			"  worker submit < ids.txt",
	}
	cmd.Flags().StringVar(&options.Prefix, "prefix", "", "put before the keys of the results")
	cmd.Flags().StringToStringVar(&options.Metadata, "metadata", nil, "user metadata of the results, k=v; may be repeated")
	load := withSettings(cmd, config.SectionNATS, config.SectionSubjects)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		c, err := connect(cmd.Context(), cfg, "submit")
		if err != nil {
			return err
		}
		defer c.nc.Close()
		ids := slices.Values(args)
		var readErr error
		if len(args) == 0 {
			ids = lines(cmd.InOrStdin(), &readErr)
		}
		s := &submitter{client: c, options: options, errs: cmd.ErrOrStderr()}
		err = s.submit(cmd.Context(), ids)
		_, printErr := fmt.Fprintln(cmd.OutOrStdout(), s.summary())
		return errors.Join(err, readErr, printErr)
	}
	return cmd
}

// lines yields the lines that are not blank.
func lines(in io.Reader, failed *error) iter.Seq[string] {
	return func(yield func(string) bool) {
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			if line := strings.TrimSpace(scanner.Text()); line != "" && !yield(line) {
				return
			}
		}
		*failed = scanner.Err()
	}
}

// submitter publishes submissions and counts what became of them.
type submitter struct {
	client  *client
	options submission
	errs    io.Writer

	pending []pending
	sent    int
	twice   int
	failed  int
}

type pending struct {
	id  string
	ack jetstream.PubAckFuture
}

// submit sends each ID. One that cannot be sent is reported, and the others
// are sent all the same.
func (s *submitter) submit(ctx context.Context, ids iter.Seq[string]) error {
	for id := range ids {
		if ctx.Err() != nil {
			break
		}
		if err := s.send(id); err != nil {
			s.report(id, err)
		}
		if len(s.pending) >= unconfirmed {
			s.confirm()
		}
	}
	s.confirm()
	if s.failed > 0 {
		return fmt.Errorf("%d jobs were not submitted", s.failed)
	}
	return context.Cause(ctx)
}

func (s *submitter) send(id string) error {
	body, err := s.encode(id)
	if err != nil {
		return err
	}
	ack, err := s.client.js.PublishAsync(s.client.names.SubmitJob(job.ID(id)), body, jetstream.WithMsgID(id))
	if err != nil {
		return err
	}
	s.pending = append(s.pending, pending{id: id, ack: ack})
	return nil
}

// encode checks a submission by the worker's own rules before it is sent.
func (s *submitter) encode(id string) ([]byte, error) {
	body := []byte(id)
	if s.options.Prefix != "" || len(s.options.Metadata) > 0 {
		form := s.options
		form.JobID = id
		var err error
		if body, err = json.Marshal(form); err != nil {
			return nil, err
		}
	} else if _, err := job.ParseID(id); err != nil {
		return nil, err
	}
	_, err := job.ParseSubmission(body, time.Now(), job.Rules{})
	return body, err
}

// confirm waits for what is under way.
func (s *submitter) confirm() {
	for _, p := range s.pending {
		select {
		case ack := <-p.ack.Ok():
			s.sent++
			if ack.Duplicate {
				s.twice++
			}
		case err := <-p.ack.Err():
			s.report(p.id, err)
		case <-time.After(confirmLimit):
			s.report(p.id, errors.New("the broker did not confirm it"))
		}
	}
	s.pending = s.pending[:0]
}

func (s *submitter) report(id string, err error) {
	s.failed++
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		err = fmt.Errorf("there is no stream %s yet: run `worker setup`, or start a worker", s.client.names.Jobs())
	}
	fmt.Fprintf(s.errs, "%s: %v\n", id, err)
}

func (s *submitter) summary() string {
	text := fmt.Sprintf("submitted %d jobs", s.sent-s.twice)
	if s.sent-s.twice == 1 {
		text = "submitted 1 job"
	}
	if s.twice > 0 {
		text += fmt.Sprintf(", %d submitted already", s.twice)
	}
	return text
}
