package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/jobferry/jobferry/internal/config"
	"github.com/jobferry/jobferry/internal/daemon"
	"github.com/spf13/cobra"
)

func newCheck() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Try each dependency as run would, and say what to do about what is wrong",
		Long: "check tries the broker with its streams and permissions, the job API with the credentials, and the bucket with\n" +
			"a small object that it deletes again. It takes no job and creates no stream. It needs the settings of run.",
		Example: "  S3_BUCKET=results NITRO_API_TOKEN_FILE=nitro-token worker check",
		Args:    noArguments,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each thing that was tried, one a line")
	load := withSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		c := &checklist{out: cmd.OutOrStdout(), json: asJSON, style: styleOf(cmd.OutOrStdout())}
		return c.run(cmd.Context(), cfg)
	}
	return cmd
}

// checked is one thing that was tried, as JSON. Its form is part of the README.
type checked struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Found string `json:"found,omitempty"`
	Error string `json:"error,omitempty"`
}

// checklist prints what was tried, as it is tried.
type checklist struct {
	out   io.Writer
	json  bool
	style style
	wrong int
	err   error // of printing
}

func (c *checklist) run(ctx context.Context, cfg config.Config) error {
	err := daemon.Check(ctx, cfg, c.tell)
	if err = errors.Join(err, c.err); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("interrupted; not everything was tried")
	}
	if c.wrong > 0 {
		return fmt.Errorf("wrong: %d of what was tried", c.wrong)
	}
	return nil
}

func (c *checklist) tell(what, found string, failure error) {
	line := checked{Check: what, OK: failure == nil, Found: found}
	mark := c.style.paint(green, "ok   ")
	if failure != nil {
		c.wrong++
		line.Found, line.Error = "", failure.Error()
		mark = c.style.paint(red, "wrong")
	}
	var err error
	if c.json {
		err = json.NewEncoder(c.out).Encode(line)
	} else {
		_, err = fmt.Fprintf(c.out, "%s  %-44s  %s\n", mark, what, printable(line.Found+line.Error))
	}
	c.err = errors.Join(c.err, err)
}
