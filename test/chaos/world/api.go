package world

import (
	"errors"
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

// api is the simulated API and its file host, each behind a gateway, and that behind
// a proxy.
type api struct {
	server     *simulator.Server
	clock      clock
	api, files *proxy
	gateway    *gateway // before the API
	fileHost   *gateway // before the file host

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
	if a.gateway, err = newGateway(a.server.APIURL()); err != nil {
		return a, err
	}
	if a.fileHost, err = newGateway(a.server.FilesURL()); err != nil {
		return a, err
	}
	a.api.aim(a.gateway.addr())
	a.files.aim(a.fileHost.addr())
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
	for _, g := range []*gateway{a.gateway, a.fileHost} {
		if g != nil {
			problems = append(problems, g.close())
		}
	}
	if a.server != nil {
		problems = append(problems, a.server.Close())
	}
	return errors.Join(problems...)
}
