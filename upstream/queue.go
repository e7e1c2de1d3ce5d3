package upstream

import (
	"context"
	"sync/atomic"
)

// A queue bounds how many requests are under way, and how many wait for that, in order of
// arrival. Because the events of a socket are handled one at a time, a socket has one place in
// it, however many events it sends.
type queue struct {
	turns   chan struct{} // holds an element for each request under way
	waiting *atomic.Int64
	most    int64
}

func newQueue(requests, waiting int) queue {
	return queue{turns: make(chan struct{}, requests), waiting: new(atomic.Int64), most: int64(waiting)}
}

// enter waits for a turn, until one of two contexts ends. The caller must leave after nil.
func (q queue) enter(ctx, life context.Context) error {
	select {
	case q.turns <- struct{}{}:
		return nil
	default:
	}
	defer q.waiting.Add(-1)
	if q.waiting.Add(1) > q.most {
		return errFull
	}
	select {
	case q.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-life.Done():
		return errClosed
	}
}

// leave ends a turn.
func (q queue) leave() { <-q.turns }
