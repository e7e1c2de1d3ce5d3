package socketio

import (
	"context"
	"math"
	"time"

	"socketiojwt/internal/alarm"
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
// end is called once, on a goroutine that it may share with the deadlines and reminders of other
// sockets. It should not block for long: if many of them do, those of other sockets are called
// later. The function should end the socket, for example with Disconnect. If the socket has not
// ended when end returns, or if end is nil, all sockets of the connection end and its transport
// closes, so that the client reconnects by itself. If OnConnect returns an error meanwhile, end
// is called first. A clock that is set back postpones the deadline by as much.
//
// SetDeadline may be called concurrently and in every state. It does nothing once the socket
// has ended.
func (s *Socket) SetDeadline(until time.Time, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.renewing {
		return
	}
	s.clearDeadline()
	if s.state == stateClosed || until.IsZero() {
		return
	}
	s.until.Store(min(max(wallclock.Nanos(until), earliestDeadline), latestDeadline))
	s.deadline = &deadline{socket: s, end: end}
	s.deadline.arm(until)
}

// Remind makes f run once, shortly after the server's clock has reached at, unless the socket
// ends or SetDeadline is called before. f shares its goroutine with other sockets, as the end
// function of SetDeadline does. Remind replaces the previous reminder. It does nothing for a
// socket without a deadline, because it shares the timer of the deadline and so costs an idle
// socket nothing. It may be called concurrently.
func (s *Socket) Remind(at time.Time, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deadline == nil {
		return
	}
	s.conn.server.deadlines.Remove(s.deadline)
	// A new deadline, because the old one may be reached at this moment.
	s.deadline = &deadline{socket: s, end: s.deadline.end, remind: f}
	if until := time.Unix(0, s.until.Load()); at.After(until) {
		at = until
	}
	s.deadline.arm(at)
}

// deadline is what happens at a time. It has one entry in the server's queue: first for the
// reminder, if there is one, then for the end.
type deadline struct {
	entry  alarm.Entry
	socket *Socket
	end    func() // may be nil
	remind func() // nil if there is no reminder, or it has run
}

// newDeadlines returns the queue of a server's deadlines by its clock.
func newDeadlines(clock func() int64) *alarm.Queue[*deadline] {
	return alarm.New(clock, wallclock.LongestSleep, func(d *deadline) *alarm.Entry { return &d.entry }, (*deadline).reach)
}

// arm makes the server's queue reach d at a time. The caller holds the socket's mu.
func (d *deadline) arm(at time.Time) {
	d.socket.conn.server.deadlines.Set(d, wallclock.Nanos(at), time.Until(at))
}

// Deadlines are stored as an int64. Zero means no deadline, and renewal that the socket is
// being renewed.
const (
	renewal          = 1
	earliestDeadline = 2
	latestDeadline   = math.MaxInt64
)

// clearDeadline removes the deadline. The caller holds mu.
func (s *Socket) clearDeadline() {
	if s.deadline != nil {
		s.conn.server.deadlines.Remove(s.deadline)
		s.deadline = nil
	}
	s.until.Store(0)
}

// reach runs the reminder of a deadline, or ends the socket because the deadline has passed.
func (d *deadline) reach() {
	s := d.socket
	s.mu.Lock()
	if s.deadline != d { // replaced or removed at the last moment
		s.mu.Unlock()
		return
	}
	remind := d.remind
	if remind != nil {
		d.remind = nil
		d.arm(time.Unix(0, s.until.Load()))
	}
	s.mu.Unlock()
	if remind != nil {
		s.guard(remind, func() {})
		return
	}
	d.pass()
}

// pass ends the socket because its deadline has passed.
func (d *deadline) pass() {
	s := d.socket
	s.passing.Lock()
	defer s.passing.Unlock()
	if !d.isCurrent() {
		return
	}
	if d.end != nil {
		s.guard(d.end, func() {})
	}
	if d.isCurrent() {
		s.conn.close(ReasonForcedServerClose, nil)
	}
}

// isCurrent reports whether the socket has not ended and has no other deadline.
func (d *deadline) isCurrent() bool {
	d.socket.mu.Lock()
	defer d.socket.mu.Unlock()
	return d.socket.state != stateClosed && d.socket.deadline == d
}

// passDeadline ends the socket if its deadline has passed, without waiting for the server's queue. If
// the queue is ending it at this moment, passDeadline returns after that.
func (s *Socket) passDeadline() {
	now := s.look()
	s.mu.Lock()
	d := s.deadline
	passed := d != nil && s.pastDeadline(now)
	s.mu.Unlock()
	if passed {
		d.pass()
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
	return until == renewal || until != 0 && now >= until
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
