package fleet

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// batch is how many messages are asked for at once where all are read.
const batch = 500

// answerLimit bounds one answer of the broker.
const answerLimit = 5 * time.Second

// errBrokenOff means that an answer stopped in the middle.
var errBrokenOff = errors.New("the broker's answer broke off")

// answer is messages of a stream. It ends after an error.
type answer = iter.Seq2[*jetstream.RawStreamMsg, error]

// messages yields the messages of a stream under a subject, wildcards included,
// from a time on. The zero time means from the first on. It ends after an
// error.
func (f *Fleet) messages(ctx context.Context, stream, subject string, since time.Time) answer {
	from := jetstreamext.GetBatchSeq(1)
	if !since.IsZero() {
		from = jetstreamext.GetBatchStartTime(since)
	}
	return func(yield func(*jetstream.RawStreamMsg, error) bool) {
		read := 0
		for more := true; more; {
			more = false
			for msg, err := range f.page(ctx, stream, batch, subject, from) {
				if more && errors.Is(err, errBrokenOff) && ctx.Err() == nil {
					break // the rest is asked for again
				}
				if !yield(msg, err) || err != nil {
					return
				}
				read++
				from, more = jetstreamext.GetBatchSeq(msg.Sequence+1), numPending(msg.Header) > 0
				if f.progress != nil {
					f.progress(read, numPending(msg.Header))
				}
			}
		}
	}
}

// page yields so many messages, or fewer at the end of the stream and where the
// broker cuts a large answer short. It ends after an error.
func (f *Fleet) page(ctx context.Context, stream string, size int, subject string, from jetstreamext.GetBatchOpt) answer {
	return f.ask(ctx, stream, func(ctx context.Context) (answer, error) {
		return jetstreamext.GetBatch(ctx, f.js, stream, size, jetstreamext.GetBatchSubject(subject), from)
	})
}

// last is the last message of a stream under some subjects, wildcards included,
// or nil.
func (f *Fleet) last(ctx context.Context, stream string, subjects ...string) (last *jetstream.RawStreamMsg, err error) {
	msgs := f.ask(ctx, stream, func(ctx context.Context) (answer, error) {
		return jetstreamext.GetLastMsgsFor(ctx, f.js, stream, subjects)
	})
	for msg, err := range msgs {
		if err != nil {
			return nil, err
		}
		if last == nil || msg.Sequence > last.Sequence {
			last = msg
		}
	}
	return last, nil
}

// ask yields the answer to one request, and an error if it does not come or
// breaks off: the library ends it without one then, as if there was nothing more.
// Only the broker's own word counts for that.
func (f *Fleet) ask(ctx context.Context, stream string, request func(context.Context) (answer, error)) answer {
	return func(yield func(*jetstream.RawStreamMsg, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, f.answerLimit)
		defer cancel()
		msgs, err := request(ctx)
		if err != nil {
			yield(nil, unreadable(stream, err))
			return
		}
		var last *jetstream.RawStreamMsg
		for msg, err := range msgs {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				return
			}
			if err != nil {
				yield(nil, unreadable(stream, err))
				return
			}
			if !yield(msg, nil) {
				return
			}
			last = msg
		}
		if err := unfinished(ctx, stream, last); err != nil {
			yield(nil, unreadable(stream, err))
		}
	}
}

// unfinished is an error unless an answer that ended with a message, or with
// none, was a whole one.
func unfinished(ctx context.Context, stream string, last *jetstream.RawStreamMsg) error {
	over := context.Cause(ctx)
	switch {
	case over != nil && !errors.Is(over, context.DeadlineExceeded): // by the caller, who has a reason
		return over
	case last == nil:
		return unanswered("DIRECT.GET."+stream, context.DeadlineExceeded)
	case numPending(last.Header) > 0 && over != nil:
		return errBrokenOff
	}
	return nil
}

// unanswered explains an error that is a request without an answer. The broker
// tells a refusal to the connection alone, not to who asks.
func unanswered(request string, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) {
		return err
	}
	return fmt.Errorf("the broker does not answer: it is overloaded, or refuses this user $JS.API.%s", request)
}

// unreadable explains why a stream could not be read.
func unreadable(stream string, err error) error {
	if errors.Is(err, nats.ErrNoResponders) {
		err = fmt.Errorf("it does not exist (run `worker setup`) or does not allow direct get (enable allow_direct on it): %w", err)
	}
	return fmt.Errorf("read stream %s: %w", stream, err)
}

// numPending is how many more messages an answer says that there are.
func numPending(header nats.Header) int {
	count, err := strconv.Atoi(header.Get("Nats-Num-Pending"))
	if err != nil {
		return 0
	}
	return max(count, 0)
}
