package socketio

import (
	"context"
	"fmt"
	"sync"
)

// Shutdown ends the server in an orderly way: no new connections (503), sockets
// or events. Each socket ends with ReasonShutdown, an idle one at once, a busy one
// when its handlers have finished and the events that were received are handled;
// until then it can be emitted to. When all have ended, what is queued is written,
// and the transports close without DISCONNECT, so that peers connect again, to the
// server that replaces this one. They do so about a second later, all of them at once
// unless Options.ShutdownSpread spreads the closing over more time. When ctx ends first,
// the rest is closed at once, and the error says how many handlers still run.
//
// It may be called from a handler, also from a ServerSideHandler, with the handler's
// context or one made from it: that handler is not waited for.
func (srv *Server) Shutdown(ctx context.Context) error {
	srv.closing.Store(true)
	if srv.runs(ctx) {
		srv.running.add(-1) // the caller; another handler may call Shutdown, too
		defer srv.running.add(1)
		detached := context.WithoutCancel(ctx) // it ends with the caller's own socket, or with the bus
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			detached, cancel = context.WithDeadline(detached, deadline)
			defer cancel()
		}
		ctx = detached
	}
	srv.retire(ctx)
	srv.draining.Store(true)
	for _, s := range srv.sockets() {
		s.finish()
	}
	left := srv.running.wait(ctx) // OnDisconnect among them
	srv.endAll()
	err := srv.engine.Shutdown(ctx)
	srv.closeBus(ctx)
	if left > 0 {
		return fmt.Errorf("socketio: %d handlers still run: %w", left, context.Cause(ctx))
	}
	return err
}

// runs reports whether ctx is that of a handler of this server, or made from it.
func (srv *Server) runs(ctx context.Context) bool {
	if s := FromContext(ctx); s != nil {
		return s.conn.server == srv
	}
	l, _ := ctx.Value(linkKey{}).(*link)
	return l != nil && l.server == srv
}

// Close ends the server at once, with all sockets. It does not wait for user code,
// and may be called from a handler.
func (srv *Server) Close() error {
	srv.closing.Store(true)
	srv.draining.Store(true)
	srv.endAll()
	srv.abortBus()
	return srv.engine.Close()
}

// sockets returns the sockets of all connections, in every state.
func (srv *Server) sockets() []*Socket {
	var all []*Socket
	for _, c := range srv.connections() {
		all = append(all, c.all()...)
	}
	return all
}

func (srv *Server) connections() []*conn {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	all := make([]*conn, 0, len(srv.conns))
	for c := range srv.conns {
		all = append(all, c)
	}
	return all
}

func (srv *Server) endAll() {
	for _, c := range srv.connections() {
		c.close(ReasonShutdown, nil)
	}
}

// finish ends the socket for Shutdown, after the events that were received. Until
// then it can be emitted to.
func (s *Socket) finish() {
	s.mu.Lock()
	busy := s.state == stateAdmitted && s.working
	switch {
	case busy:
		s.inbox = append(s.inbox, task{step: func() { s.end(ReasonShutdown, nil, nil) }})
	case s.state == stateEnding: // as above, already, since its peer is gone
		busy = true
	}
	s.mu.Unlock()
	if !busy {
		s.end(ReasonShutdown, nil, nil)
	}
}

// tracker counts goroutines that run user code.
type tracker struct {
	mu      sync.Mutex
	n       int
	changed chan struct{} // closed when n falls, if a call of wait is pending
}

func (t *tracker) add(delta int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n += delta
	if delta < 0 && t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// wait waits until none is left, or ctx ends, and returns how many there are.
func (t *tracker) wait(ctx context.Context) int {
	for {
		t.mu.Lock()
		left := max(0, t.n)
		if left > 0 && t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		if left == 0 {
			return 0
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return left
		}
	}
}
