package daemon

import (
	"context"
	"errors"
	"fmt"
)

// lifecycle is a stack of what has to be closed: last opened, first closed,
// all under one deadline.
type lifecycle struct {
	closers []closer
}

type closer struct {
	name  string
	close func(context.Context) error
}

func (l *lifecycle) add(name string, closing func(context.Context) error) {
	l.closers = append(l.closers, closer{name, closing})
}

// addFunc adds what closes at once and cannot fail.
func (l *lifecycle) addFunc(name string, closing func()) {
	l.add(name, func(context.Context) error {
		closing()
		return nil
	})
}

// close closes everything, even if something on the way cannot be closed in
// order. A second call does nothing.
func (l *lifecycle) close(ctx context.Context) error {
	var problems []error
	for len(l.closers) > 0 {
		last := l.closers[len(l.closers)-1]
		l.closers = l.closers[:len(l.closers)-1]
		if err := last.close(ctx); err != nil {
			problems = append(problems, fmt.Errorf("close %s: %w", last.name, err))
		}
	}
	return errors.Join(problems...)
}
