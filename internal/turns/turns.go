// Package turns keeps goroutines with much to do from delaying others: it bounds how many do long
// computations at a time, and how long one goes on without letting others run.
package turns

import "context"

// Turns are held by the goroutines that keep a processor busy, one each. Make them with
// New. Their methods may be called concurrently.
type Turns chan struct{}

// New returns n turns. n must be positive.
func New(n int) Turns { return make(Turns, n) }

// Acquire waits for a turn, in order of arrival, until ctx is done; the error is then the
// cause. It does not take a turn if ctx is done already. It then lets other runnable threads
// run first, because their work is short and the caller's is long.
func (t Turns) Acquire(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		if ctx.Err() == nil { // select chooses at random if both cases are ready
			yieldThread()
			return nil
		}
		t.Release()
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

// Release returns a turn.
func (t Turns) Release() { <-t }
