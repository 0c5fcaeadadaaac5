// Package permission tries what a user may do at the broker, and names what has
// to be allowed. It knows nothing of streams or jobs: that a request which is
// tried has no effect is up to who makes it.
package permission

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
)

// Refusal is what the broker does not let the user do.
type Refusal struct {
	verb, subject string // "publish" or "subscribe", and what has to be allowed
}

// Error says what has to be allowed.
func (r *Refusal) Error() string {
	return fmt.Sprintf("not permitted: allow the user to %s to %s", r.verb, r.subject)
}

// Ask sends a request and returns the answer, or a [Refusal] in which allow is
// what has to be allowed. Ctx needs a deadline, as everywhere here.
func Ask(ctx context.Context, nc *nats.Conn, request *nats.Msg, allow string) (*nats.Msg, error) {
	answers, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return nil, err
	}
	defer func() { _ = answers.Unsubscribe() }() // the connection may be gone
	request.Reply = answers.Subject
	if err := Publish(ctx, nc, request, allow); err != nil {
		return nil, err
	}
	answer, err := answers.NextMsgWithContext(ctx)
	return answer, Unanswered(allow, err)
}

// Publish sends a message, or returns a [Refusal].
func Publish(ctx context.Context, nc *nats.Conn, msg *nats.Msg, allow string) error {
	if err := nc.PublishMsg(msg); err != nil {
		return err
	}
	return settle(ctx, nc, "Publish", msg.Subject, &Refusal{verb: "publish", subject: allow})
}

// Subscribe subscribes, or returns a [Refusal]. The caller unsubscribes.
func Subscribe(ctx context.Context, nc *nats.Conn, subject, allow string) (*nats.Subscription, error) {
	subscription, err := nc.SubscribeSync(subject)
	if err != nil {
		return nil, err
	}
	if err := settle(ctx, nc, "Subscription", subject, &Refusal{verb: "subscribe", subject: allow}); err != nil {
		_ = subscription.Unsubscribe() // there is none
		return nil, err
	}
	return subscription, nil
}

// Inbox tries whether the user gets answers, without which nothing else can be
// told: in an inbox for one, and in that for all which the client library uses.
func Inbox(ctx context.Context, nc *nats.Conn) (allow string, err error) {
	inbox := nc.NewInbox()
	allow = inbox[:strings.LastIndex(inbox, ".")] + ".>"
	for _, subject := range []string{inbox, inbox + ".*"} {
		subscription, err := Subscribe(ctx, nc, subject, allow)
		if err != nil {
			return allow, err
		}
		_ = subscription.Unsubscribe() // the connection may be gone
	}
	return allow, nil
}

// settle waits until the broker has taken or refused what was sent. It says a
// refusal on the connection, before it answers the ping that comes after, and
// that is kept as the last error: an error handler would be called by a
// goroutine of its own, at some time.
func settle(ctx context.Context, nc *nats.Conn, action, subject string, refusal *Refusal) error {
	if err := nc.FlushWithContext(ctx); err != nil {
		return err
	}
	last := nc.LastError()
	if errors.Is(last, nats.ErrPermissionViolation) && strings.Contains(last.Error(), fmt.Sprintf("%s to %q", action, subject)) {
		return refusal
	}
	return nil
}

// Unanswered explains an error of waiting for an answer. A refusal on the far
// side of a leaf node is told to nobody on this one.
func Unanswered(allow string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) {
		return fmt.Errorf("no answer: allow the user to publish to %s, or see whether JetStream has a leader: %w", allow, err)
	}
	return err
}
