package world

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jobferry/jobferry/internal/simulator"
)

const (
	clientID     = "chaos"
	clientSecret = "chaos-client-secret-that-no-log-may-show"

	// urlLife is short beside a long run, so that URLs expire by themselves too.
	urlLife = 30 * time.Second
	// tokenLife is short for the same reason.
	tokenLife = 2 * time.Minute
)

// api is the simulated API and its file host, each behind a proxy.
type api struct {
	server     *simulator.Server
	clock      clock
	api, files *proxy

	mu         sync.Mutex
	conditions simulator.Conditions
}

func startAPI() (*api, error) {
	a := &api{}
	var err error
	if a.api, err = newProxy("api"); err != nil {
		return a, err
	}
	if a.files, err = newProxy("files"); err != nil {
		return a, err
	}
	a.server, err = simulator.Start(simulator.Options{
		ClientID: clientID, ClientSecret: clientSecret, PublicFilesURL: a.files.url(),
		URLLife: urlLife, TokenLife: tokenLife, Now: a.clock.now,
	})
	if err != nil {
		return a, err
	}
	a.api.aim(strings.TrimPrefix(a.server.APIURL(), "http://"))
	a.files.aim(strings.TrimPrefix(a.server.FilesURL(), "http://"))
	return a, nil
}

// change changes the conditions of the API, and leaves the others as they are.
func (a *api) change(how func(*simulator.Conditions)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	how(&a.conditions)
	a.server.SetConditions(a.conditions)
}

func (a *api) close() error {
	var problems []error
	for _, p := range []*proxy{a.api, a.files} {
		if p != nil {
			problems = append(problems, p.close())
		}
	}
	if a.server != nil {
		problems = append(problems, a.server.Close())
	}
	return errors.Join(problems...)
}
