package socketio

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"

	"socketiojwt/engineio"
	"socketiojwt/socketio/internal/packet"
)

// HoldOptions say what happens to events that reach a held socket and are not
// intercepted. A JavaScript client sends what was emitted before it connected as
// soon as CONNECT is answered, so such events are kept unless Drop is set.
type HoldOptions struct {
	// Events bounds the events kept. Zero means 16. One more closes the
	// connection.
	Events int
	// Bytes bounds their size. Zero means 64 KiB. More closes the connection.
	Bytes int
	// Drop ignores them instead. The first of a socket is logged, with the number
	// that the server has dropped so far.
	Drop bool
}

// early is what a held socket keeps.
type early struct {
	options HoldOptions
	events  []*Event
	bytes   int
	dropped bool              // some, and that was logged
	welcome *engineio.Message // of AdmitWith
}

// intercepts are the handlers that see events first, and the events they have
// not seen yet.
type intercepts struct {
	handlers []interceptor // few, and cheaper than a map in each of a million sockets
	inbox    []*Event
	working  bool
}

type interceptor struct {
	event   string
	handler Handler
}

// handler returns the one for an event; nil when there is none.
func (k *intercepts) handler(event string) Handler {
	if k != nil {
		for _, i := range k.handlers {
			if i.event == event {
				return i.handler
			}
		}
	}
	return nil
}

// Intercept makes h see an event before event middleware and handlers do, in
// their place, for the socket's whole life: while it is held and once it is
// admitted. It runs on a goroutine that lives only while there is such an
// event, one at a time. It may be called only from connect middleware, else it
// returns ErrAdmitted or ErrClosed; twice for one event is an error.
func (s *Socket) Intercept(event string, h Handler) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case h == nil || event == "" || packet.Reserved(event):
		return fmt.Errorf("socketio: Intercept: no handler, or event name %q is empty or reserved", event)
	case s.state == stateClosed:
		return ErrClosed
	case s.state > stateHeld:
		return ErrAdmitted
	}
	if s.intercepts == nil {
		s.intercepts = new(intercepts)
	}
	if s.intercepts.handler(event) != nil {
		return fmt.Errorf("socketio: event %q is intercepted already", event)
	}
	s.intercepts.handlers = append(s.intercepts.handlers, interceptor{event, h})
	return nil
}

// Hold lets a connect middleware suspend a socket: `return s.Hold(...)` answers
// CONNECT and keeps no goroutine. The socket stays outside, in no room, no
// broadcast and no listing, and Join is an error, but Emit to it works, and what
// it sends reaches the handlers of Intercept. Admit goes on with the next
// middleware; Refuse ends it; there is no deadline but the caller's, and for the first
// socket of a connection Options.ConnectTimeout.
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
		_ = s.conn.session.Send(s.connected()) // a closed session ends the socket by itself
	}
	s.holds++
	s.suspended = true
	if s.early == nil {
		s.early = &early{}
	}
	s.early.options = opts
	s.sendWelcome()
	s.mu.Unlock()
	if answer {
		s.conn.answered()
	}
	return errHeld
}

// Admit goes on with a held socket: the middleware after the one that held it,
// then rooms, then OnConnect, then the events that came early. It returns at
// once. For a socket that is not held, or was admitted already, it returns
// ErrClosed or ErrAdmitted.
func (s *Socket) Admit() error { return s.admitWith(nil) }

// AdmitWith is Admit with an event that the peer receives first when it is admitted:
// before anything that OnConnect or a broadcast sends, and not at all when a later
// middleware refuses. What the peer sends after it heard the event is not early,
// unless a later middleware holds the socket again: then the peer hears it so.
func (s *Socket) AdmitWith(event string, args ...any) error {
	welcome, _, err := encodeEvent(s.name, 0, false, event, args)
	if err != nil {
		return fmt.Errorf("socketio: admit with %q: %w", event, err)
	}
	return s.admitWith(welcome)
}

func (s *Socket) admitWith(welcome *engineio.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateClosed:
		return ErrClosed
	case !s.suspended:
		return ErrAdmitted
	}
	s.suspended = false
	s.early.welcome = welcome
	s.post(task{step: s.resume})
	return nil
}

// sendWelcome sends the event of AdmitWith, if there is one. The caller holds mu.
func (s *Socket) sendWelcome() {
	if s.early.welcome != nil {
		_ = s.conn.session.Send(s.early.welcome) // a closed session ends the socket by itself
		s.early.welcome = nil
	}
}

// Refuse ends a socket that is not admitted, as Disconnect does: see Ending. Once the
// socket is admitted it returns ErrAdmitted and does nothing; refusing a socket that is
// closed does nothing. The refusals of a connection are bounded by Options.MaxRefused, and
// those of an address, unless they are Temporary, are counted as failures.
func (s *Socket) Refuse(how error) error {
	e := endingOf(how)
	if e == plain {
		s.logSampled(s.Context(), slog.LevelInfo, s.name+"\n"+fmt.Sprint(how), "socketio: refused", "error", how)
	} else if e.Err != nil {
		s.logger().DebugContext(s.Context(), "socketio: refused", "error", how, "cause", e.Err)
	}
	if e.Temporary {
		s.conn.excuse()
	}
	if !s.endBy(stateHeld, how) {
		return s.notAdmitted()
	}
	s.conn.server.countRefusal(e.Temporary)
	if e.Temporary {
		s.conn.forgive()
	} else {
		s.conn.blame()
	}
	return nil
}

// notAdmitted returns ErrAdmitted for a socket that is admitted.
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
	k := s.early
	if len(k.events) >= k.options.Events || k.bytes+e.size > k.options.Bytes {
		return tooMuch
	}
	if result := s.conn.ledger.event(e.size); result != taken {
		return result
	}
	k.events = append(k.events, e)
	k.bytes += e.size
	return taken
}

// releaseEarly gives back what the early events were counted for. The caller
// holds mu.
func (s *Socket) releaseEarly() {
	if s.early != nil {
		s.conn.ledger.event(-s.early.bytes)
		s.early = nil
	}
}

// runIntercepts handles intercepted events until there are none.
func (s *Socket) runIntercepts() {
	for {
		now := s.look()
		s.mu.Lock()
		k := s.intercepts
		if len(k.inbox) == 0 || s.state == stateClosed {
			k.inbox, k.working = nil, false
			s.mu.Unlock()
			s.conn.server.running.add(-1)
			return
		}
		e := k.inbox[0]
		k.inbox = k.inbox[1:]
		held := s.state == stateHeld // then it counts until it is handled
		late := s.over(now)
		if !held || late {
			s.giveBack(e.size)
		}
		h, ctx, more := k.handler(e.name), s.ctx, len(k.inbox) > 0
		s.mu.Unlock()
		if late {
			continue
		}
		s.guard(func() {
			if held {
				defer s.handled(e)
			}
			s.intercepted(ctx, h, e)
		}, func() { go s.runIntercepts() })
		if more {
			runtime.Gosched() // as work does
		}
	}
}

// handled gives back what an event was charged.
func (s *Socket) handled(e *Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveBack(e.size)
}

func (s *Socket) intercepted(ctx context.Context, h Handler, e *Event) {
	if ctx.Err() != nil { // it has ended since runIntercepts looked
		return
	}
	if err := h(ctx, s, e); err != nil {
		s.logFailed(ctx, e.name, err)
	}
}
