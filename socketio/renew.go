package socketio

import (
	"fmt"
	"maps"
	"slices"
)

// A Renewal says how Socket.Renew makes a socket go on as a new one.
type Renewal struct {
	// Cause is the cause of the contexts that end.
	Cause error
	// Event is the first event that the peer receives afterwards, with the arguments Args. It
	// asks for an acknowledgement, which is ignored, as the one of an Ending does. Empty means
	// no event.
	Event string
	Args  []any
	// Before runs on the socket's worker while the socket still counts as ended. After runs
	// there once it has gone on, before the next event is handled, including one of Intercept. Either
	// may be nil.
	Before, After func()
}

// Renew takes from an admitted socket all that it got since it connected, and lets it go on with
// the same id: its rooms, except that of its own id, its values of a Key and its context. For
// peers it is as if the socket had ended and another one had come.
//
// From the call on the socket counts as ended, as after its deadline: it sends nothing, no
// handler starts, Join fails, and broadcasts and listings leave it out. The deadline is removed,
// the contexts of handlers end with r.Cause, and pending acknowledgements fail. Renew does not
// wait. When the handlers that run have returned, including that of Intercept, the socket leaves its
// rooms and goes on. Events that it receives until then and that no handler has begun to handle
// are dropped. Broadcasts that began before the socket went on do not reach it. If a handler
// does not return, the socket does not go on, so the caller should end it after some time.
//
// The session of the socket cannot be recovered afterwards: see Options.Recovery.
//
// A function of Socket.Go that was started before may still run. It must not act for the socket
// once its context has ended.
//
// Renew returns ErrNotAdmitted before the socket is admitted, ErrClosed when it has ended, and
// an error if the event cannot be encoded. It may be called concurrently. Once the socket is
// being renewed, further calls return ErrClosed.
func (s *Socket) Renew(r Renewal) error {
	w := words{s: s}
	if r.Event != "" {
		m, _, err := encodeEvent(s.name, s.conn.server.nextAck(), true, r.Event, r.Args)
		if err != nil {
			return fmt.Errorf("socketio: renew with %q: %w", r.Event, err)
		}
		w.event = m
	}
	s.mu.Lock()
	if s.state != stateAdmitted || s.renewing {
		defer s.mu.Unlock()
		if s.state < stateAdmitted {
			return ErrNotAdmitted
		}
		return ErrClosed
	}
	s.clearDeadline()
	s.endSession()
	s.renewing = true
	s.until.Store(renewal)
	s.failAcks()
	s.dropEvents()
	before := s.life
	s.life = &life{parent: s.conn.ctx}
	s.ctx = &socketContext{Context: s.life, socket: s}
	s.post(&task{step: func() { s.goOn(r, w) }})
	s.mu.Unlock()
	before.end(r.Cause)
	return nil
}

// dropEvents drops the events that wait for their handlers. The caller holds mu.
func (s *Socket) dropEvents() {
	for _, e := range s.inbox.dropEvents() {
		s.giveBack(e.size)
	}
	if s.intercepted != nil {
		for _, e := range s.intercepted.events {
			s.giveBack(e.size)
		}
		s.intercepted.events = nil
	}
}

// goOn completes Renew: it gives the socket its new context and admits events again. It runs on
// the worker, and again if an Interceptor must return first.
func (s *Socket) goOn(r Renewal, w words) {
	s.mu.Lock()
	if s.intercepted != nil {
		s.intercepted.renew = &task{step: func() { s.goOn(r, w) }}
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if r.Before != nil {
		r.Before()
	}
	s.mu.Lock()
	if s.state != stateAdmitted { // it has ended meanwhile
		s.mu.Unlock()
		return
	}
	s.namespace.local.renew(s)
	s.values = nil
	s.ctx = &socketContext{Context: s.life, socket: s} // without values that a handler has set meanwhile
	s.renewing = false
	s.until.Store(0)
	if r.After != nil {
		s.intercepted = new(intercepted) // so that the events wait
	}
	if w.event != nil {
		_ = s.conn.session.Send(w.event) // fails only if the session is closed, which ends the socket
	}
	s.mu.Unlock()
	if r.After != nil {
		r.After()
		s.conn.server.running.add(1)
		go s.runIntercepts()
	}
}

// renew removes s from all rooms except that of its own id. Calls of join that began before
// fail. The caller holds the mu of s.
func (l *listing) renew(s *Socket) {
	l.mu.Lock()
	s.renewed = l.namespace.server.renewals.Add(1)
	rooms := slices.Collect(maps.Keys(s.rooms))
	l.mu.Unlock()
	l.leaveAll(s, rooms)
}
