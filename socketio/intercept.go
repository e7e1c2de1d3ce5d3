package socketio

import (
	"context"
	"fmt"

	"socketiojwt/internal/turns"
	"socketiojwt/socketio/internal/packet"
)

// An Interceptor handles an event of one socket for the socket's whole life: see
// Socket.InterceptBy.
type Interceptor interface {
	// Intercept handles the event, as a Handler does.
	Intercept(ctx context.Context, s *Socket, e *Event) error
	// Ended runs once the socket has ended, as a function of Socket.OnEnd does. The cause is that
	// of the socket's context. Ended may run while Intercept runs.
	Ended(cause *DisconnectError)
}

// interceptor is the Interceptor of an event. Most sockets have one at most, so the first is a
// field of the socket.
type interceptor struct {
	event string
	by    Interceptor
	rest  *interceptor
}

// intercepted are the events that wait for their Interceptor while its goroutine runs, or while a socket that was
// renewed is not ready for them.
type intercepted struct {
	events []*Event
	renew  *task // goes on with Renew when the Interceptor has returned; may be nil
}

// interceptorOf returns the Interceptor of an event, or nil. The caller holds mu.
func (s *Socket) interceptorOf(event string) Interceptor {
	for i := &s.interceptor; i != nil; i = i.rest {
		if i.by != nil && i.event == event {
			return i.by
		}
	}
	return nil
}

// Intercept makes h handle an event instead of event middleware and handlers, for the socket's
// whole life, both held and admitted. Calls of h do not overlap. They run on a goroutine that
// exists only while there is such an event. Intercept may be called only from connect
// middleware. Otherwise it returns ErrAdmitted or ErrClosed. A second call for the same event
// is an error.
func (s *Socket) Intercept(event string, h Handler) error {
	if h == nil {
		return fmt.Errorf("socketio: Intercept: no handler for event %q", event)
	}
	return s.InterceptBy(event, interceptFunc(h))
}

// InterceptBy is Intercept for an Interceptor, which is also told when the socket has ended. It
// suits programs that have a state for every one of very many sockets: the state itself is the
// Interceptor, and no closure is needed. If InterceptBy fails, Ended is not called.
func (s *Socket) InterceptBy(event string, by Interceptor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case by == nil || event == "" || packet.Reserved(event):
		return fmt.Errorf("socketio: Intercept: no handler, or event name %q is empty or reserved", event)
	case s.state == stateClosed:
		return ErrClosed
	case s.state > stateHeld:
		return ErrAdmitted
	case s.interceptorOf(event) != nil:
		return fmt.Errorf("socketio: event %q is intercepted already", event)
	}
	added := interceptor{event: event, by: by}
	if s.interceptor.by != nil {
		first := s.interceptor
		added.rest = &first
	}
	s.interceptor = added
	return nil
}

// interceptFunc is a Handler as an Interceptor.
type interceptFunc Handler

// Intercept implements Interceptor.
func (h interceptFunc) Intercept(ctx context.Context, s *Socket, e *Event) error { return h(ctx, s, e) }

// Ended implements Interceptor.
func (interceptFunc) Ended(*DisconnectError) {}

// runIntercepts handles intercepted events until none are left.
func (s *Socket) runIntercepts() {
	var turn turns.Turn
	for {
		now := s.look()
		s.mu.Lock()
		k := s.intercepted
		if len(k.events) == 0 || s.state == stateClosed {
			s.intercepted = nil
			if k.renew != nil && s.state != stateClosed {
				s.post(k.renew)
			}
			s.mu.Unlock()
			s.conn.server.running.add(-1)
			return
		}
		e := k.events[0]
		k.events = k.events[1:]
		held := s.state == stateHeld // its charge stays until it has been handled
		late := s.pastDeadline(now)
		if !held || late {
			s.giveBack(e.size)
		}
		by, ctx, more := s.interceptorOf(e.name), s.ctx, len(k.events) > 0
		s.mu.Unlock()
		if late {
			continue
		}
		s.guard(func() {
			if held {
				defer s.handled(e)
			}
			s.intercept(ctx, by, e)
		}, func() { go s.runIntercepts() })
		if more {
			turn.Give() // for the same reason as in work
		}
	}
}

// handled returns the charge for an event to the ledger.
func (s *Socket) handled(e *Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveBack(e.size)
}

func (s *Socket) intercept(ctx context.Context, by Interceptor, e *Event) {
	if ctx.Err() != nil { // the socket has ended since runIntercepts checked
		return
	}
	if err := by.Intercept(ctx, s, e); err != nil {
		s.logFailed(ctx, e.name, err)
	}
}
