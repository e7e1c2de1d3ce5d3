package socketio

import (
	"fmt"
	"log/slog"

	"socketiojwt/engineio"
)

// HoldOptions say what happens to events that a held socket receives and that are not
// intercepted. They are kept by default, because a JavaScript client sends events emitted
// before it connected as soon as CONNECT is answered.
type HoldOptions struct {
	// Events bounds the number of kept events. A further event closes the connection. Zero
	// means 16.
	Events int
	// Bytes bounds their size. Exceeding it closes the connection. Zero means 64 KiB.
	Bytes int
	// Drop drops the events instead. The first dropped event of a socket is logged, with the
	// number of events that the namespace has dropped so far.
	Drop bool
}

// early holds what is kept for a held socket.
type early struct {
	options HoldOptions
	events  []*Event
	bytes   int
	dropped bool                // an event was dropped, and that was logged
	welcome []*engineio.Message // for the peer, when the socket is admitted
}

// Hold suspends a socket: connect middleware ends with `return s.Hold(...)`. CONNECT is
// answered, and no goroutine is kept. A held socket is in no room, no broadcast and no listing,
// and Join fails. Emit to it works, and its events reach the handlers of Intercept. Admit
// continues with the next middleware, and Refuse ends the socket. Hold sets no deadline, but
// the first socket of a connection is bound by Options.ConnectTimeout.
func (s *Socket) Hold(opts HoldOptions) error {
	if opts.Events == 0 {
		opts.Events = 16
	}
	if opts.Bytes == 0 {
		opts.Bytes = 64 << 10
	}
	s.mu.Lock()
	answer := s.state == stateConnecting
	switch {
	case s.state == stateClosed:
		s.mu.Unlock()
		return ErrClosed
	case s.state > stateHeld:
		s.mu.Unlock()
		return ErrAdmitted
	case answer:
		s.become(stateHeld)
		s.conn.mu.Lock()
		s.conn.answering()
		s.conn.mu.Unlock()
		_ = s.conn.session.Send(s.connected("")) // fails only if the session is closed, which ends the socket
	}
	s.arrival.holds++
	s.arrival.suspended = true
	if s.arrival.early == nil {
		s.arrival.early = &early{}
	}
	s.arrival.early.options = opts
	s.sendWelcome()
	s.mu.Unlock()
	if answer {
		s.conn.begin()
	}
	return errHeld
}

// Admit continues with a held socket: first the remaining middleware, then rooms, OnConnect,
// and the early events. It returns at once. It returns ErrClosed for a socket that is not held,
// and ErrAdmitted for one that is already admitted.
func (s *Socket) Admit() error { return s.admitWith(nil) }

func (s *Socket) admitWith(welcome *engineio.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateClosed:
		return ErrClosed
	case s.arrival == nil || !s.arrival.suspended:
		return ErrAdmitted
	}
	s.arrival.suspended = false
	if welcome != nil {
		s.arrival.early.welcome = append(s.arrival.early.welcome, welcome)
	}
	s.post(&task{step: s.resume})
	return nil
}

// Refuse ends a socket that is not admitted, as Disconnect does: see Ending. If the socket is
// admitted, Refuse returns ErrAdmitted and does nothing. If the socket has ended, Refuse does
// nothing and returns nil. Options.MaxRefused bounds the refusals of a connection. Refusals
// that are not Temporary count as failures of the peer's address.
func (s *Socket) Refuse(how error) error {
	e := endingOf(how)
	if e.Temporary {
		s.conn.excuse()
	}
	if !s.endBy(stateHeld, e, how, func() { s.countRefusal(e) }) {
		return s.notAdmitted()
	}
	if e == plain {
		s.logSampled(s.Context(), slog.LevelInfo, s.name+"\n"+fmt.Sprint(how), "socketio: refused", "error", how)
	} else if e.Err != nil {
		s.logger().DebugContext(s.Context(), "socketio: refused", "error", how, "cause", e.Err)
	}
	return nil
}

// countRefusal counts a refusal. The caller holds mu.
func (s *Socket) countRefusal(e *Ending) {
	if e.Temporary {
		s.counts().temporary.Add(1)
		s.conn.forgive()
	} else {
		s.counts().refusals.Add(1)
		s.conn.blame()
	}
}

// notAdmitted returns ErrAdmitted if the socket is admitted.
func (s *Socket) notAdmitted() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateAdmitted || s.state == stateEnding {
		return ErrAdmitted
	}
	return nil
}

// keepEarly keeps an event of a held socket until it is admitted. The caller holds mu.
func (s *Socket) keepEarly(e *Event) charged {
	k := s.arrival.early
	if len(k.events) >= k.options.Events || k.bytes+e.size > k.options.Bytes {
		return tooMuch
	}
	if result := s.conn.ledger().event(e.size); result != taken {
		return result
	}
	k.events = append(k.events, e)
	k.bytes += e.size
	return taken
}

// releaseEarly returns the charge for early events to the ledger. The caller holds mu.
func (s *Socket) releaseEarly() {
	if s.arrival != nil && s.arrival.early != nil {
		s.conn.ledger().event(-s.arrival.early.bytes)
		s.arrival.early = nil
	}
}
