package socketio

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Shutdown stops the server in order. It refuses new connections with status 503 and a Retry-After,
// and closes the existing ones within Options.ShutdownSpread. Each has its turn: first those
// without an admitted socket, because their peers must be admitted again anyway, and then the
// others in random order. Until its turn a connection works as before.
//
// From its turn on, a connection accepts no new sockets or events, and its sockets end with
// ReasonShutdown. If handlers of a socket are running, it ends when they have returned and the
// events received before are handled. If it awaits acknowledgements from its peer, or an
// intercepted event is being handled, it ends when that is done, but not later than after 2 s. Any
// other socket ends at once. Until then Emit works. After its last socket, the connection closes
// without DISCONNECT when what is queued is written, so that the client reconnects by itself, about
// a second later. If the Bus is a Recorder, another server can recover its sessions: see
// Options.Recovery.
//
// Shutdown returns when all handlers and connections have ended. If ctx ends first, the rest is
// closed at once, and the error says how many handlers are still running.
//
// A handler, also a ServerSideHandler, may call Shutdown with its own context or one derived
// from it. Shutdown does not wait for that handler.
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
	srv.drain(ctx)
	srv.draining.Store(true)
	for _, s := range srv.sockets() {
		s.close()
	}
	left := srv.running.wait(ctx) // includes OnDisconnect
	srv.endAll()
	srv.recovery.close()
	err := srv.engine.Shutdown(ctx)
	srv.closeBus(ctx)
	if left > 0 {
		return fmt.Errorf("socketio: %d handlers still run: %w", left, context.Cause(ctx))
	}
	return err
}

// runs reports whether ctx belongs to a handler of this server, or is derived from such a context.
func (srv *Server) runs(ctx context.Context) bool {
	if s := FromContext(ctx); s != nil {
		return s.conn.server == srv
	}
	l, _ := ctx.Value(linkKey{}).(*link)
	return l != nil && l.server == srv
}

// Close ends the server and all sockets at once. It does not wait for user code. A handler may
// call it.
func (srv *Server) Close() error {
	srv.closing.Store(true)
	srv.draining.Store(true)
	srv.endAll()
	srv.recovery.close()
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
	return slices.Clone(srv.conns)
}

func (srv *Server) endAll() {
	for _, c := range srv.connections() {
		c.close(ReasonShutdown, nil)
	}
}

// close ends the socket for Shutdown, after the events received before are handled. Until then
// Emit works.
func (s *Socket) close() {
	s.mu.Lock()
	busy := s.state == stateAdmitted && s.working
	switch {
	case busy:
		s.inbox.add(&task{step: func() { s.end(ReasonShutdown, nil, nil) }})
	case s.state == stateEnding: // it ends after its inbox already, because its peer left
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

// wait waits until no goroutine is left or ctx ends, and returns the number of those left.
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
