package engineio

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Close ends all sessions at once; what is queued is dropped, polls are
// answered, and Conn.Closed(ServerShutdown) follows. It does not wait. New
// sessions are refused with 503 from now on. The error is always nil.
func (srv *Server) Close() error {
	for _, s := range srv.beginShutdown() {
		s.Abort(ServerShutdown)
	}
	return nil
}

// Shutdown ends all sessions as Session.Close does, with ServerShutdown, and
// waits until they, the requests under way and all goroutines of the Server have
// ended. New sessions are refused with 503 from now on. A peer that cannot be told
// within 2 s is cut off, whatever its session or its request waits for: a poll that
// does not come, a connection that takes nothing, a body that does not end.
//
// When ctx ends before that, what is left is ended at once and ctx's error
// returned. A call of Conn that still runs a second after everything else has
// ended is not awaited, and makes an error as well: it may be the very one
// that calls Shutdown.
func (srv *Server) Shutdown(ctx context.Context) error {
	for _, s := range srv.beginShutdown() {
		s.Close(ServerShutdown)
	}
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

// callPatience is how long Shutdown waits for calls of Conn when nothing else
// is left to wait for.
const callPatience = time.Second

// shutdownTimeout is how long Shutdown waits for peers. A peer that is there needs a
// round trip, and one that is gone must not hold the server up.
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
}

// beginShutdown refuses new sessions from now on, and returns those that exist.
func (srv *Server) beginShutdown() []*Session {
	srv.mu.Lock()
	srv.phase = max(srv.phase, shuttingDown)
	for id, last := range srv.lastPolls {
		last.timer.Stop()
		delete(srv.lastPolls, id)
	}
	srv.mu.Unlock()
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

// awaitIdle returns a channel that is closed when nothing is left.
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

// stuck counts the sessions that are inside a call of their Conn. It returns 0
// when others are left that are not.
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
