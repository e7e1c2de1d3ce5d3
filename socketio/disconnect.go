package socketio

import (
	"context"
	"time"

	"socketiojwt/engineio"
)

// A farewell returns the last packets that a socket sends, given the state it was
// in. It runs under the socket's lock.
type farewell func(was state) []*engineio.Message

// OnEnd makes f run once the socket has ended, in whatever state it was, on the
// goroutine that ended it: f must not block. It is the cheap form of
// context.AfterFunc, for what each of many sockets holds, such as a timer. When
// the socket has ended already, f runs at once.
func (s *Socket) OnEnd(f func()) {
	s.mu.Lock()
	if s.state != stateClosed {
		s.onEnd = append(s.onEnd, f)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	f()
}

// left ends the socket because its peer left the namespace.
func (s *Socket) left() {
	s.conn.leave(s) // the peer may join again at once
	s.drain(ReasonClient)
}

// drain ends the socket once the events received before are handled, or after
// drainTimeout. Until then it is sent nothing more and is in no listing.
func (s *Socket) drain(reason Reason) {
	s.mu.Lock()
	busy := s.state == stateAdmitted && s.working
	switch {
	case busy:
		s.failAcks() // a handler may wait for one
		s.become(stateEnding)
		s.conn.withdraw()
		s.inbox = append(s.inbox, task{step: func() { s.end(reason, nil, nil) }})
		s.ending = &ending{
			timer: time.AfterFunc(drainTimeout, func() { s.end(reason, nil, nil) }),
			rooms: s.namespace.local.remove(s), // under the lock, like add in admit
		}
	case s.state == stateEnding: // its peer had left before the transport was lost
		busy = true
	}
	s.mu.Unlock()
	if !busy {
		s.end(reason, nil, nil)
	}
}

// end ends the socket at once, whatever its state, and reports whether it did.
func (s *Socket) end(reason Reason, cause error, f farewell) bool {
	return s.endFrom(stateEnding, reason, cause, f)
}

// endFrom ends the socket if its state is no later than last: nothing more is
// sent or handled, it is out of every room, its context is cancelled, and the
// handlers of OnDisconnect run on its worker. The farewell is the last it sends.
func (s *Socket) endFrom(last state, reason Reason, cause error, f farewell) bool {
	s.mu.Lock()
	was := s.state
	if was > last {
		s.mu.Unlock()
		return false
	}
	s.become(stateClosed)
	s.conn.gone(s, was) // before the peer knows, which may CONNECT again at once
	if f != nil && was != stateEnding {
		for _, m := range f(was) {
			_ = s.conn.session.Send(m) // a closed session has told the peer enough
		}
	}
	s.clearDeadline()
	s.conn.ledger.event(-s.inboxBytes)
	s.inbox, s.inboxBytes = nil, 0
	s.failAcks()
	s.releaseEarly()
	s.giveBackHandshake()
	var rooms []string
	switch was {
	case stateAdmitted:
		rooms = s.namespace.local.remove(s)
	case stateEnding:
		s.ending.timer.Stop()
		rooms, s.ending = s.ending.rooms, nil
	}
	ctx, onEnd := s.ctx, s.onEnd
	s.onEnd = nil
	s.mu.Unlock()

	s.cancel(&DisconnectError{Reason: reason, Err: cause})
	if was >= stateAdmitted {
		s.conn.server.figures.disconnects.Add(reason)
		s.logEnd(ctx, reason, cause)
	}
	for _, f := range onEnd {
		s.guard(f, func() {})
	}
	s.mu.Lock()
	if was >= stateAdmitted {
		s.post(task{step: func() { s.disconnected(context.WithoutCancel(ctx), reason, rooms) }})
	}
	joined := s.namespace
	s.mu.Unlock()
	if was < stateAdmitted {
		s.conn.server.release(joined)
	}
	if was == stateConnecting {
		s.conn.begin()
	}
	return true
}

// disconnected tells the user. Worker.
func (s *Socket) disconnected(ctx context.Context, reason Reason, rooms []string) {
	defer s.conn.parted(s)
	defer s.conn.server.release(s.namespace)
	defer s.conn.server.count(s.namespace, -1)
	if len(s.namespace.table.onConnect) > 0 && !s.greeted { // it ended before OnConnect began
		return
	}
	for _, f := range s.namespace.table.onDisconnecting {
		s.guard(func() { f(ctx, s, reason, rooms) }, func() {})
	}
	for _, f := range s.namespace.table.onDisconnect {
		s.guard(func() { f(ctx, s, reason) }, func() {})
	}
}
