package engineio

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Close aborts all sessions: what is queued is dropped, polls are answered, and
// Conn.Closed(ServerShutdown) follows. It does not wait. New sessions are refused with 503
// from then on. The error is always nil.
func (srv *Server) Close() error {
	for _, s := range srv.beginShutdown() {
		s.Abort(ServerShutdown)
	}
	srv.forgetAllDeparted()
	return nil
}

// Shutdown closes all sessions with ServerShutdown, as Session.Close does, and waits until
// they, the requests in progress and all goroutines of the Server have ended. New sessions
// are refused with 503 from then on. After 2 s the sessions and requests that are left are
// aborted, whatever they wait for: a poll that does not come, a connection that takes
// nothing, or a body that does not end.
//
// If ctx ends before that, Shutdown aborts what is left and returns an error that wraps the
// cause of ctx. If a call of Conn still runs a second after everything else has ended,
// Shutdown returns an error instead of waiting for it, because that call may be the one
// that calls Shutdown.
func (srv *Server) Shutdown(ctx context.Context) error {
	for _, s := range srv.beginShutdown() {
		s.Close(ServerShutdown)
	}
	defer srv.forgetAllDeparted()
	idle := srv.awaitIdle()
	patience := time.NewTimer(shutdownTimeout)
	defer patience.Stop()
	tick := time.NewTicker(callPatience / 10)
	defer tick.Stop()
	for onlyCalls := 0; ; {
		select {
		case <-idle:
			return nil
		case <-patience.C:
			srv.abortAll()
		case <-ctx.Done():
			srv.abortAll()
			return fmt.Errorf("engineio: shutdown: %d sessions have not ended: %w", srv.Sessions(), context.Cause(ctx))
		case <-tick.C:
			if n := srv.stuck(); n == 0 {
				onlyCalls = 0
			} else if onlyCalls++; onlyCalls == 10 {
				return fmt.Errorf("engineio: shutdown: %d sessions are still inside a call of their Conn", n)
			}
		}
	}
}

// callPatience is how long Shutdown waits for calls of Conn if nothing else is left to wait
// for.
const callPatience = time.Second

// shutdownTimeout is how long Shutdown waits for peers. A peer that is reachable needs one
// round trip, and one that is gone must not delay the server.
const shutdownTimeout = 2 * time.Second

// abortAll aborts the sessions and requests that are left.
func (srv *Server) abortAll() {
	for _, s := range srv.all() {
		s.Abort(ServerShutdown)
	}
	srv.mu.Lock()
	srv.phase = aborting
	requests := slices.Collect(maps.Keys(srv.requests))
	srv.wakeShutdown()
	srv.mu.Unlock()
	for _, r := range requests {
		r.abort()
	}
	srv.closeParked(nil, true)
}

// beginShutdown refuses new sessions from now on, and returns those that exist.
func (srv *Server) beginShutdown() []*Session {
	srv.mu.Lock()
	srv.phase = max(srv.phase, shuttingDown)
	homes := srv.homes
	srv.homes = nil
	srv.mu.Unlock()
	for _, h := range homes {
		h.Close()
	}
	srv.closeParked(nil, false)
	return srv.all()
}

func (srv *Server) all() []*Session {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	all := make([]*Session, 0, len(srv.sessions))
	for _, s := range srv.sessions {
		all = append(all, s)
	}
	return all
}

// awaitIdle returns a channel that is closed when nothing is left to wait for.
func (srv *Server) awaitIdle() <-chan struct{} {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.idle == nil {
		srv.idle = make(chan struct{})
	}
	idle := srv.idle
	srv.wakeShutdown()
	return idle
}

// stuck returns the number of sessions if all of them are inside a call of their Conn, and
// 0 otherwise.
func (srv *Server) stuck() int {
	n := 0
	for _, s := range srv.all() {
		s.mu.Lock()
		calls := s.calls
		s.mu.Unlock()
		if calls == 0 {
			return 0
		}
		n++
	}
	return n
}
