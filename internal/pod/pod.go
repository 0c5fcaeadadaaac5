// Package pod lets the pods of a fleet tell what they have in hand right now,
// which no stream holds. Each answers when it is asked, by a service that the
// nats tool knows as well (`nats micro list`), and says nothing by itself.
package pod

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/job"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Service is the name that the nats tool shows.
const Service = "jobferry"

// version is that of a report, by semantic versioning.
const version = "1.0.0"

// The limits of asking: pods that are there answer within milliseconds, and a
// fleet is bounded.
const (
	firstAnswer = 500 * time.Millisecond
	nextAnswer  = 100 * time.Millisecond
	maxPods     = 1000
)

// Report is what one pod has in hand at one moment. It carries no secret and
// no signed URL.
type Report struct {
	ID        string         `json:"id"`   // of this run of the pod
	Name      string         `json:"name"` // of its host
	Started   time.Time      `json:"started"`
	Slots     int            `json:"slots"` // files that it streams at once
	Problems  []string       `json:"problems"`
	Transfers []job.Transfer `json:"transfers"`
}

// Serve answers whoever asks by what report returns, until the service is
// stopped. report is called from a goroutine of the connection's, and must not
// block. It sets the report's ID.
func Serve(nc *nats.Conn, subjects broker.Subjects, report func() Report) (micro.Service, error) {
	service, err := micro.AddService(nc, micro.Config{
		Name: Service, Version: version, Description: "what a pod of the fleet has in hand",
	})
	if err != nil {
		return nil, fmt.Errorf("tell other pods what is in hand: %w", err)
	}
	id := service.Info().ID
	answer := micro.HandlerFunc(func(request micro.Request) {
		r := report()
		r.ID = id
		_ = request.RespondJSON(r) // who asked may be gone
	})
	err = service.AddEndpoint("pods", answer, micro.WithEndpointSubject(subjects.Pods()), micro.WithEndpointQueueGroupDisabled())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tell other pods what is in hand: %w", err), service.Stop())
	}
	return service, nil
}

// Ask returns the reports of all pods that answer in time, by their names.
// None is no error.
func Ask(ctx context.Context, nc *nats.Conn, subjects broker.Subjects) ([]Report, error) {
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("ask the pods: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }() // the connection may be gone
	if err := nc.PublishRequest(subjects.Pods(), inbox, nil); err != nil {
		return nil, fmt.Errorf("ask the pods: %w", err)
	}
	reports := []Report{}
	for patience := firstAnswer; len(reports) < maxPods; patience = nextAnswer {
		msg, err := next(ctx, answers, patience)
		if err != nil {
			break
		}
		var r Report
		if json.Unmarshal(msg.Data, &r) == nil && r.ID != "" {
			reports = append(reports, r)
		}
	}
	slices.SortFunc(reports, func(a, b Report) int { return strings.Compare(a.Name+" "+a.ID, b.Name+" "+b.ID) })
	return reports, ctx.Err()
}

func next(ctx context.Context, answers *nats.Subscription, patience time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return answers.NextMsgWithContext(ctx)
}
