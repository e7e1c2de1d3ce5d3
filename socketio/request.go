package socketio

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// request is a request to the other nodes that waits for replies.
type request struct {
	id   string
	wake chan struct{} // has capacity 1

	mu      sync.Mutex
	replies []Message
}

// open makes a request.
func (l *link) open() *request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	r := &request{id: strconv.FormatUint(l.last, 36), wake: make(chan struct{}, 1)}
	l.requests[r.id] = r
	return r
}

func (l *link) forget(r *request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.requests, r.id)
}

// replied passes a reply to the call that waits for it. It ignores a reply to a request that is
// unknown or was given up.
func (l *link) replied(m *Message) {
	l.mu.Lock()
	r := l.requests[m.Request]
	l.mu.Unlock()
	if r != nil {
		r.add(m)
	}
}

// gone tells all calls that wait for replies that a node does not reply any more.
func (l *link) gone(m *Message) {
	l.mu.Lock()
	all := slices.Collect(maps.Values(l.requests))
	l.mu.Unlock()
	for _, r := range all {
		r.add(m)
	}
}

// add appends a reply, or a KindGone.
func (r *request) add(m *Message) {
	r.mu.Lock()
	if len(r.replies) < mostReplies {
		r.replies = append(r.replies, *m)
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// take returns the replies that have arrived since the last call.
func (r *request) take() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	replies := r.replies
	r.replies = nil
	return replies
}

// collect sends a request and calls take for the first reply of each other node. It returns
// a *PartialError if not all nodes reply before ctx ends, nodePatience has passed or the bus
// closes.
func (l *link) collect(ctx context.Context, m *Message, take func(*Message)) error {
	ctx, cancel := patience(ctx)
	defer cancel()
	r := l.open()
	defer l.forget(r)
	m.Request, m.Timeout = r.id, timeLeft(ctx)
	asked, err := l.ask(ctx, m)
	if err != nil {
		return &PartialError{Err: err}
	}
	due := newRoll(asked)
	for !due.complete() {
		select {
		case <-r.wake:
		case <-ctx.Done():
			return due.partial(context.Cause(ctx))
		case <-l.ctx.Done(): // the bus is closed
			return due.partial(context.Cause(l.ctx))
		}
		for _, reply := range r.take() {
			if reply.Kind == KindGone {
				due.gone(reply.From)
			} else if due.replied(reply.From) {
				take(&reply)
			}
		}
	}
	return due.partial(ErrNodeGone)
}

// patience returns ctx if it has a deadline, and otherwise a context that ends after
// nodePatience.
func patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, nodePatience)
}

// timeLeft returns the time until the deadline of ctx, at least a millisecond and at most
// longestAsk. It is never zero, because the receiver of a message treats zero as longestAsk.
func timeLeft(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return time.Millisecond
	}
	if deadline, ok := ctx.Deadline(); ok {
		return max(time.Millisecond, min(time.Until(deadline), longestAsk))
	}
	return longestAsk
}
