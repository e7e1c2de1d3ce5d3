package socketio

import "sync"

// SetAside lets the handler of an event, or event middleware, return without having handled it,
// to wait for something without delaying the next events of the socket. When resume is called,
// handler handles the event on the socket's goroutine, after the events that wait there, with
// the context of a handler that starts then. Calls of handlers still do not overlap. No
// goroutine waits meanwhile. The event counts for Options.MaxInbox, of which events that are set
// aside use at most half, unless there is only one event.
//
// Only the first call of resume has an effect. It drops the event if the socket has ended or was
// renewed, its peer has left, or the server is shutting down. Resume(nil) drops the event. A
// resume that is never called drops the event when the socket ends. Resume does not block, and
// may be called concurrently.
//
// SetAside fails with ErrTooManyEvents if that half would be exceeded, and with ErrClosed if the
// socket has ended or is being renewed, or its peer has left. It may be called by the handler
// only, once for each time that the event is handled.
func (e *Event) SetAside() (resume func(handler Handler), err error) {
	s := e.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateAdmitted || s.renewing {
		return nil, ErrClosed
	}
	if s.conn.ledger().aside(e.size) != taken {
		return nil, ErrTooManyEvents
	}
	s.inboxBytes += e.size
	renewed := s.renewed
	var once sync.Once
	return func(handler Handler) { once.Do(func() { s.resumeEvent(e, handler, renewed) }) }, nil
}

// resumeEvent makes the worker handle an event that was set aside, or drops it. Renewed is
// s.renewed at that time.
func (s *Socket) resumeEvent(e *Event, handler Handler, renewed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if handler == nil || s.renewing || s.renewed != renewed || s.state != stateAdmitted || s.conn.draining() {
		s.giveBack(e.size)
		return
	}
	s.post(&task{event: e, handler: handler})
}
