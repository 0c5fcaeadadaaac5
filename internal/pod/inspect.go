package pod

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jobferry/jobferry/internal/broker"
	"github.com/jobferry/jobferry/internal/broker/preflight"
	"github.com/jobferry/jobferry/internal/broker/preflight/permission"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// inspectLimit bounds an inspection, in which the broker alone has to answer.
const inspectLimit = 5 * time.Second

// Inspect tries what a pod needs to ask the others what they have in hand, and
// to be asked. Pods that run answer, and nobody listens.
func Inspect(ctx context.Context, nc *nats.Conn, subjects broker.Subjects, report preflight.Report) {
	ctx, cancel := context.WithTimeout(ctx, inspectLimit)
	defer cancel()
	tell := func(what string, err error) {
		if err != nil {
			err = fmt.Errorf("%w; without it jobs are carried all the same, but the page shows no transfers", err)
		}
		report(what, "allowed", err)
	}
	pods := subjects.Pods()
	asked, heard := permission.Subscribe(ctx, nc, pods, pods)
	tell("subscribe "+pods, heard)
	asking := permission.Publish(ctx, nc, &nats.Msg{Subject: pods, Reply: nc.NewInbox()}, pods)
	tell("publish "+pods, asking)
	if heard == nil {
		defer func() { _ = asked.Unsubscribe() }() // the connection may be gone
		if asking == nil {
			tell("answer "+pods, answer(ctx, nc, asked))
		}
	}
	tell("subscribe $SRV.*", serve(ctx, nc, "$SRV.*", "", ""))
	tell("subscribe $SRV.*."+Service, serve(ctx, nc, "$SRV.*."+Service, Service, ""))
	tell("subscribe $SRV.*."+Service+".*", serve(ctx, nc, "$SRV.*."+Service+".*", Service, "check"))
}

// answer answers the request that has just been made, as a pod does. What it
// says is no report, so that whoever asked meanwhile takes it for none.
func answer(ctx context.Context, nc *nats.Conn, asked *nats.Subscription) error {
	request, err := asked.NextMsgWithContext(ctx)
	if err != nil {
		return err
	}
	err = permission.Publish(ctx, nc, nats.NewMsg(request.Reply), request.Reply)
	if refusal := (*permission.Refusal)(nil); errors.As(err, &refusal) {
		return errors.New("not permitted: give the user allow_responses: true")
	}
	return err
}

// serve subscribes for a moment to what a service of NATS's own kind is asked by.
func serve(ctx context.Context, nc *nats.Conn, allow, name, id string) error {
	for _, verb := range []micro.Verb{micro.PingVerb, micro.InfoVerb, micro.StatsVerb} {
		subject, err := micro.ControlSubject(verb, name, id)
		if err != nil {
			return err
		}
		subscription, err := permission.Subscribe(ctx, nc, subject, allow)
		if err != nil {
			return err
		}
		_ = subscription.Unsubscribe() // the connection may be gone
	}
	return nil
}
