package socketio

import (
	"context"
	"sync"
	"time"
)

// life is the context that ends with a socket, or when the socket is renewed. Most sockets have
// no handler that waits for their end, so the context of package context that can be waited for
// is made when it is needed first. Until then life has the parent's values and no children.
type life struct {
	parent context.Context // that of the connection; it never ends

	mu    sync.Mutex // taken after a socket's
	cause error      // nil until end
	made  *waitable  // nil until it is needed
}

// waitable is a context of package context, and what ends it.
type waitable struct {
	context.Context
	cancel context.CancelCauseFunc
}

// end ends the context, with its cause. Only the first call counts.
func (l *life) end(cause error) {
	l.mu.Lock()
	made := l.made
	if l.cause == nil {
		l.cause = cause
	}
	l.mu.Unlock()
	if made != nil {
		made.cancel(cause) // without the lock, because it runs functions of context.AfterFunc
	}
}

// wait returns the context that can be waited for.
func (l *life) wait() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made == nil {
		ctx, cancel := context.WithCancelCause(l.parent)
		if l.made = (&waitable{ctx, cancel}); l.cause != nil {
			cancel(l.cause)
		}
	}
	return l.made
}

// Done implements context.Context.
func (l *life) Done() <-chan struct{} { return l.wait().Done() }

// Err implements context.Context.
func (l *life) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.made != nil:
		return l.made.Err()
	case l.cause != nil:
		return context.Canceled
	}
	return nil
}

// Deadline implements context.Context.
func (l *life) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements context.Context. Package context asks for a key of its own when it derives a
// context or reads a cause. It gets the context that can be waited for, if there is one: it asks
// for Done first.
func (l *life) Value(key any) any {
	l.mu.Lock()
	var ctx context.Context = l.parent
	switch {
	case l.made != nil:
		ctx = l.made
	case l.cause != nil:
		l.mu.Unlock()
		return l.wait().Value(key)
	}
	l.mu.Unlock()
	return ctx.Value(key)
}
