package token

import (
	"context"
	"fmt"
)

// A Limiter bounds how many goroutines do expensive arithmetic at a time. Its methods are
// called concurrently.
type Limiter interface {
	// Acquire waits until the caller may begin, or returns an error. It returns soon
	// after ctx is done.
	Acquire(ctx context.Context) error
	// Release is called once for each Acquire that returned nil, when the caller has
	// ended.
	Release()
}

type limiterKey struct{}

// WithLimiter returns a context with which Verify calls l.Acquire before it checks the
// signature of a public key, and l.Release afterwards. It does not call them for the
// signature of a shared secret, or for one that it remembers, which are cheap. If Acquire
// fails, Verify returns ErrKeysUnavailable, which wraps the error. Without a Limiter, Verify
// does not wait. A Gate of package auth sets a Limiter: see its Options.Verifications.
// WithLimiter may be called concurrently.
func WithLimiter(ctx context.Context, l Limiter) context.Context {
	return context.WithValue(ctx, limiterKey{}, l)
}

// unlimited is the Limiter of a context without one.
type unlimited struct{}

func (unlimited) Acquire(ctx context.Context) error { return context.Cause(ctx) }
func (unlimited) Release()                          {}

// acquire calls Acquire of the Limiter of ctx. If it returns no error, the caller must call
// Release of the result.
func acquire(ctx context.Context) (Limiter, error) {
	l, _ := ctx.Value(limiterKey{}).(Limiter)
	if l == nil {
		l = unlimited{}
	}
	if err := l.Acquire(ctx); err != nil {
		return nil, fmt.Errorf("%w: waiting to check the signature: %w", ErrKeysUnavailable, err)
	}
	return l, nil
}
