package socketio

import (
	"context"
	"errors"
	"sync"

	"socketiojwt/internal/tally"
	"socketiojwt/observe"
)

// observed is the connect of a socket while Options.Observer is told about it.
type observed struct {
	running observe.Running
	outcome observe.Outcome
	life    context.Context // of the socket, without the values of the Observer
}

// observeConnect begins the connect of a socket whose namespace is known. Until the socket is
// admitted or has ended, its context has the values of the Observer's. It runs on the worker.
func (s *Socket) observeConnect() {
	o := s.conn.server.opts.Observer
	if o == nil {
		return
	}
	ctx, running := observe.Begin(s.Context(), o, observe.Operation{Kind: observe.Connect, Namespace: s.namespace.label()})
	s.mu.Lock()
	if s.state == stateClosed {
		s.mu.Unlock()
		running.End(observe.Outcome{Result: observe.Left})
		return
	}
	s.arrival.observed = &observed{running: running, life: s.ctx.Context}
	s.ctx = &socketContext{Context: ctx, socket: s, value: s.ctx.value, more: s.ctx.more}
	s.mu.Unlock()
}

// takeObserved ends the connect of a socket, so that the caller can call end when it has
// released mu. It is nil if no Observer was told. The caller holds mu.
func (s *Socket) takeObserved(result string) *observed {
	if s.arrival == nil || s.arrival.observed == nil {
		return nil
	}
	taken := s.arrival.observed
	s.arrival.observed = nil
	s.ctx = &socketContext{Context: taken.life, socket: s, value: s.ctx.value, more: s.ctx.more}
	taken.outcome = observe.Outcome{Result: result, Held: s.arrival.holds > 0}
	return taken
}

// end tells the Observer. The caller holds no lock.
func (o *observed) end() {
	if o != nil {
		o.running.End(o.outcome)
	}
}

// resultOf returns the result of the connect of a socket that ends before it is admitted.
func resultOf(reason Reason) string {
	if reason == ReasonServer || reason == ReasonForcedServerClose {
		return observe.Refused
	}
	return observe.Left
}

// observeHandler returns a handler that tells the Observer about h.
func (s *Socket) observeHandler(h Handler) Handler {
	return func(ctx context.Context, s *Socket, e *Event) (err error) {
		op := observe.Operation{Kind: observe.Handle, Namespace: s.namespace.label(), Event: observe.Other, Value: e}
		if _, registered := s.namespace.table.routes[e.name]; registered {
			op.Event = e.name
		}
		ctx, running := observe.Begin(ctx, s.conn.server.opts.Observer, op)
		result := observe.Panicked
		defer func() { running.End(observe.Outcome{Result: result}) }()
		switch err = h(ctx, s, e); {
		case err == nil:
			result = observe.OK
		case isPeersFault(err), errors.Is(err, ErrClosed), ctx.Err() != nil:
			result = observe.PeerFailed
		default:
			result = observe.Failed
		}
		return err
	}
}

// observe begins a broadcast of an event.
func (b Broadcast) observe(event string) observe.Running {
	srv := b.target.server
	op := observe.Operation{Kind: observe.Broadcast, Namespace: b.target.label(), Event: srv.broadcasts.name(event)}
	ctx := b.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	_, running := observe.Begin(ctx, srv.opts.Observer, op)
	return running
}

// sent is the outcome of a broadcast.
func sent(sockets int, err error) observe.Outcome {
	if err != nil {
		return observe.Outcome{Result: observe.Failed, Count: sockets}
	}
	return observe.Outcome{Result: observe.OK, Count: sockets}
}

// label returns the name of the namespace or, for a dynamic one, of its rule. So peers do not
// choose it.
func (n *Namespace) label() string {
	if n.rule != nil {
		return n.rule.Mux.name
	}
	return n.Mux.name
}

// label returns the label of the target's namespaces.
func (t target) label() string {
	switch {
	case t.namespace != nil:
		return t.namespace.label()
	case t.rule != nil:
		return t.rule.Mux.name
	}
	if n := t.server.Lookup(t.name); n != nil {
		return n.label()
	}
	return observe.Other
}

// someNames tells a bounded number of names apart.
type someNames struct {
	mu    sync.RWMutex
	known map[string]struct{}
}

// name returns a name, or observe.Other if it comes after too many others.
func (n *someNames) name(name string) string {
	n.mu.RLock()
	_, known := n.known[name]
	full := len(n.known) >= tally.Most
	n.mu.RUnlock()
	switch {
	case known:
		return name
	case full:
		return observe.Other
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		n.known = make(map[string]struct{})
	}
	if len(n.known) >= tally.Most {
		return observe.Other
	}
	n.known[name] = struct{}{}
	return name
}
