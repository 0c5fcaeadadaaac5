package servers

import (
	"github.com/jobferry/jobferry/internal/simulator"
)

// startAPI starts the simulator without the checks of its own answers: they
// cost more than the answers.
func startAPI() (role, error) {
	server, err := simulator.Start(simulator.Options{Token: Token})
	if err != nil {
		return role{}, err
	}
	return role{url: server.APIURL(), stop: server.Close, add: func(b Batch) error {
		for i := range b.Count {
			if b.Delay > 0 {
				server.Script(b.ID(i), simulator.Reply{Delay: b.Delay})
			}
			server.Add(b.Job(i))
		}
		return nil
	}}, nil
}
