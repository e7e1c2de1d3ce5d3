package socketio

import (
	"context"
	"time"

	"socketiojwt/engineio"
)

// Disconnect ends the socket at once and tells the peer by DISCONNECT; the
// connection and its other namespaces stay. The JavaScript client does not come
// back by itself. The cause, which may be nil, is in the *DisconnectError that
// cancels the socket's context. Handlers that run are not awaited.
func (s *Socket) Disconnect(cause error) {
	s.endFrom(stateEnding, ReasonServer, cause, func(was state) *engineio.Message {
		if was == stateConnecting {
			m, _ := s.connectError("connection refused", nil)
			return m
		}
		return encodeDisconnect(s.name)
	})
}

// CloseConnection ends all sockets of the connection at once, writes what is
// queued, and closes the transport without DISCONNECT. The JavaScript client
// comes back by itself, with a fresh auth payload, to all its namespaces.
func (s *Socket) CloseConnection(cause error) { s.conn.close(ReasonForcedServerClose, cause) }

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
// drainTimeout. Until then it is sent nothing more.
func (s *Socket) drain(reason Reason) {
	s.mu.Lock()
	busy := s.state == stateAdmitted && s.working
	switch {
	case busy:
		s.failAcks() // a handler may wait for one
		s.state = stateEnding
		s.inbox = append(s.inbox, task{step: func() { s.end(reason, nil, nil) }})
		s.ending = time.AfterFunc(drainTimeout, func() { s.end(reason, nil, nil) })
	case s.state == stateEnding: // its peer had left before the transport was lost
		busy = true
	}
	s.mu.Unlock()
	if !busy {
		s.end(reason, nil, nil)
	}
}

// end ends the socket at once, whatever its state, and reports whether it did.
func (s *Socket) end(reason Reason, cause error, farewell func(was state) *engineio.Message) bool {
	return s.endFrom(stateEnding, reason, cause, farewell)
}

// endFrom ends the socket if its state is no later than last: nothing more is
// sent or handled, it is out of every room, its context is cancelled, and the
// handlers of OnDisconnect run on its worker. The farewell is the last it sends.
func (s *Socket) endFrom(last state, reason Reason, cause error, farewell func(was state) *engineio.Message) bool {
	s.mu.Lock()
	was := s.state
	if was > last {
		s.mu.Unlock()
		return false
	}
	s.state = stateClosed
	s.conn.gone(s, was, farewell != nil) // before the peer knows, which may CONNECT again at once
	if farewell != nil && was != stateEnding {
		_ = s.conn.session.Send(farewell(was)) // a closed session has told the peer enough
	}
	s.conn.ledger.event(-s.inboxBytes)
	s.inbox, s.inboxBytes = nil, 0
	s.failAcks()
	s.releaseEarly()
	s.giveBackHandshake()
	if s.ending != nil {
		s.ending.Stop()
	}
	ctx, onEnd := s.ctx, s.onEnd
	s.onEnd = nil
	s.mu.Unlock()

	var rooms []string
	if was >= stateAdmitted {
		rooms = s.namespace.local.remove(s)
	}
	s.cancel(&DisconnectError{Reason: reason, Err: cause})
	if was >= stateAdmitted {
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
	defer s.conn.server.leave(s.namespace)
	for _, f := range s.namespace.table.onDisconnecting {
		s.guard(func() { f(ctx, s, reason, rooms) }, func() {})
	}
	for _, f := range s.namespace.table.onDisconnect {
		s.guard(func() { f(ctx, s, reason) }, func() {})
	}
}
