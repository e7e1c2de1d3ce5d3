package socketio

import (
	"context"
	"math"
	"time"

	"socketiojwt/internal/wallclock"
)

// SetDeadline makes the socket end when the server's clock (Options.Now) reaches until. It
// replaces the previous deadline. The zero time removes it.
//
// From that moment the socket counts as ended, whatever it is doing. No middleware, handler or
// interceptor starts, Emit and Join return ErrClosed, and broadcasts and listings leave the
// socket out. The clock is read at each of these points, so this does not depend on a timer.
//
// Shortly afterwards, and within a second if the clock was set or the machine was suspended,
// end is called once on its own goroutine. It should end the socket, for example with
// Disconnect. If the socket has not ended when end returns, or if end is nil, all sockets of
// the connection end and its transport closes, so that the client reconnects by itself. A clock
// that is set back postpones the deadline by as much.
//
// SetDeadline may be called concurrently and in every state. It does nothing once the socket
// has ended.
func (s *Socket) SetDeadline(until time.Time, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clearDeadline()
	if s.state == stateClosed || until.IsZero() {
		return
	}
	s.until.Store(min(max(wallclock.Nanos(until), earliestDeadline), latestDeadline))
	var set *wallclock.Entry
	set = s.conn.server.deadlines.Add(until, func() { s.reachDeadline(&set, end) })
	s.deadline = set
}

// Deadlines are stored as an int64. Zero means no deadline.
const (
	earliestDeadline = 1
	latestDeadline   = math.MaxInt64
)

// clearDeadline removes the deadline. The caller holds mu.
func (s *Socket) clearDeadline() {
	s.conn.server.deadlines.Remove(s.deadline)
	s.deadline = nil
	s.until.Store(0)
}

// reachDeadline ends the socket because its deadline has passed. The socket's lock guards the
// pointer to which set points.
func (s *Socket) reachDeadline(set **wallclock.Entry, end func()) {
	s.mu.Lock()
	current := s.deadline == *set // not replaced or removed at the last moment
	s.mu.Unlock()
	if !current {
		return
	}
	if end != nil {
		s.guard(end, func() {})
	}
	s.mu.Lock()
	ended := s.state == stateClosed || s.deadline != *set
	s.mu.Unlock()
	if !ended {
		s.conn.close(ReasonForcedServerClose, nil)
	}
}

// Now returns the current time of the server's clock, Options.Now.
func (s *Socket) Now() time.Time { return s.conn.server.opts.Now() }

// clock reads the server's clock. It runs user code, so no lock may be held.
func (srv *Server) clock() int64 { return wallclock.Nanos(srv.opts.Now()) }

// look reads the clock for a socket with a deadline, before its lock is taken. Under the lock,
// pastDeadline compares the result with the deadline.
func (s *Socket) look() int64 {
	if s.until.Load() == 0 {
		return math.MinInt64
	}
	return s.conn.server.clock()
}

// pastDeadline reports whether the deadline has passed. Such a socket counts as ended, although it may
// not have been ended yet.
func (s *Socket) pastDeadline(now int64) bool {
	until := s.until.Load()
	return until != 0 && now >= until
}

// endedContext returns a context that has ended, for a socket whose deadline has passed.
func endedContext(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	cancel(&DisconnectError{Reason: ReasonForcedServerClose, Err: context.DeadlineExceeded})
	return ctx
}

// hasEnded reports whether the socket has ended or counts as ended.
func (s *Socket) hasEnded() bool {
	now := s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateClosed || s.pastDeadline(now)
}
