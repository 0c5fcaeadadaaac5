// Package simulator is a job API to test against: it answers as the API's own
// OpenAPI document says, serves result files from a host of their own by
// signed URLs, and fails in the ways that such services fail when it is told
// to. It knows nothing of the worker, and the worker nothing of it; it does
// not create jobs from documents and keeps nothing on disk.
package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Options say how a server is started. The zero value is a server on free
// ports of the loopback interface.
type Options struct {
	APIAddr   string // where the API listens; 127.0.0.1:0 when empty
	FilesAddr string // where the file host listens; 127.0.0.1:0 when empty
	// PublicFilesURL is the base of the URLs of files, without a slash at its
	// end, for a file host that is reached through a proxy. FilesURL when empty.
	PublicFilesURL string

	ClientID     string // "simulator" when empty
	ClientSecret string // "simulated" when empty
	Token        string // a fixed bearer token that is taken too; none when empty

	TokenLife time.Duration    // 24 h when 0
	URLLife   time.Duration    // of signed URLs, in whole seconds; 15 min when 0
	Now       func() time.Time // time.Now when nil

	// InventJobs makes an unknown ID of the form <kind>-<anything> such a job
	// on first sight; see [InventedKinds].
	InventJobs bool
	// ValidateAnswers checks the simulator's own answers against the OpenAPI
	// documents as they are sent, up to 1 MiB; see [Record].Violations.
	ValidateAnswers bool
}

func (o Options) withDefaults() Options {
	for _, text := range []struct {
		field *string
		value string
	}{
		{&o.APIAddr, "127.0.0.1:0"},
		{&o.FilesAddr, "127.0.0.1:0"},
		{&o.ClientID, "simulator"},
		{&o.ClientSecret, "simulated"},
	} {
		if *text.field == "" {
			*text.field = text.value
		}
	}
	if o.TokenLife == 0 {
		o.TokenLife = 24 * time.Hour
	}
	if o.URLLife == 0 {
		o.URLLife = 15 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o Options) validate() error {
	var problems []error
	if o.TokenLife < 0 {
		problems = append(problems, fmt.Errorf("the token life is %v, it must be positive", o.TokenLife))
	}
	if o.URLLife < 0 {
		problems = append(problems, fmt.Errorf("the URL life is %v, it must be positive", o.URLLife))
	}
	return errors.Join(problems...)
}

// Server is a simulated job API and its file host. All methods are safe to
// call at any time, from any goroutine.
type Server struct {
	options    Options
	api, files *origin
	jobs       *jobStore
	record     *recorder
	tokens     *tokens
	signer     signer
	conditions *conditionsBox
	contract   *Contract // nil when answers are not validated
}

// Start listens at both addresses and serves until Close. The error of a taken
// port wraps syscall.EADDRINUSE.
func Start(options Options) (*Server, error) {
	options = options.withDefaults()
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("start the simulated job API: %w", err)
	}
	s := &Server{
		options:    options,
		jobs:       newJobStore(options.Now, options.InventJobs),
		record:     newRecorder(options.Now),
		tokens:     newTokens(options),
		signer:     newSigner(options.URLLife, options.Now),
		conditions: newConditionsBox(),
	}
	if options.ValidateAnswers {
		contract, err := LoadContract()
		if err != nil {
			return nil, err
		}
		s.contract = contract
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) listen() error {
	var err error
	if s.api, err = newOrigin("the simulated job API", s.options.APIAddr); err != nil {
		return err
	}
	if s.files, err = newOrigin("the simulated file host", s.options.FilesAddr); err != nil {
		return errors.Join(err, s.api.close())
	}
	s.api.serve(s.apiHandler())
	s.files.serve(s.filesHandler())
	return nil
}

// Close stops both origins at once and returns when no request is being served
// any more. It may be called more than once.
func (s *Server) Close() error { return errors.Join(s.api.close(), s.files.close()) }

// APIURL is the base URL of the API, without a slash at its end.
func (s *Server) APIURL() string { return s.api.url() }

// FilesURL is the base URL of the file host, without a slash at its end.
func (s *Server) FilesURL() string { return s.files.url() }

// Add puts jobs in place, replacing those of the same ID. Their lives start
// now. It panics on a job that no answer could be made of: that is a mistake
// in the test.
func (s *Server) Add(jobs ...Job) {
	for _, j := range jobs {
		if err := j.normalized().check(); err != nil {
			panic(err)
		}
		s.jobs.add(j)
	}
}

// Remove forgets a job and its files; its record stays.
func (s *Server) Remove(id string) { s.jobs.remove(id) }

// SetFaults sets what goes wrong with a file from now on, as if nobody had
// asked for it yet. It reports whether there is such a file.
func (s *Server) SetFaults(id string, index int, faults Faults) bool {
	state := s.jobs.file(id, index)
	if state != nil {
		state.arm(faults)
	}
	return state != nil
}

// Script puts replies before the result endpoint's own answers about a job,
// which need not be there. They do not count as the job's Polls.
func (s *Server) Script(id string, replies ...Reply) { s.jobs.script(endpointResult, id, replies) }

// ScriptStatus does the same for the status endpoint.
func (s *Server) ScriptStatus(id string, replies ...Reply) {
	s.jobs.script(endpointStatus, id, replies)
}

// ScriptToken does the same for the token endpoint.
func (s *Server) ScriptToken(replies ...Reply) { s.jobs.script(endpointToken, "", replies) }

// RevokeTokens makes every token that was issued so far a wrong one.
func (s *Server) RevokeTokens() { s.tokens.revoke() }

// SetConditions sets what is the matter with the API as a whole.
func (s *Server) SetConditions(c Conditions) { s.conditions.set(c) }

// Record returns a copy of all that the server has seen so far.
func (s *Server) Record() Record { return s.record.snapshot() }

// JobRecord returns a copy of what was asked about one job.
func (s *Server) JobRecord(id string) JobRecord { return s.record.jobSnapshot(id) }

// SignedURL returns a fresh signed URL of a job's file, empty if there is no
// such file.
func (s *Server) SignedURL(id string, index int) string {
	state := s.jobs.file(id, index)
	if state == nil {
		return ""
	}
	return s.signedURL(id, index, state.name())
}

func (s *Server) signedURL(id string, index int, name string) string {
	path := filePath(id, index, name)
	return cmp.Or(s.options.PublicFilesURL, s.FilesURL()) + path + "?" + s.signer.query(path).Encode()
}
