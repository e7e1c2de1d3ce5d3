package engineio

import (
	"context"
	"log/slog"

	"socketiojwt/internal/guard"
)

// receive acts on a packet from the peer. The caller is a reader of the session. An
// error ends the session.
func (s *Session) receive(p packet) error {
	switch p.kind {
	case packetMessage:
		s.deliver(p)
	case packetPong, packetPing:
		if (p.kind == packetPing) != s.codec.rules().peerPings {
			return errHeartbeat
		}
		s.receiveHeartbeat(p.kind)
	case packetClose:
		// By WebSocket the Node server ignores it and waits for the close frame. Ending
		// the session now frees what a peer that leaves no longer needs.
		return errPeerLeft
	}
	return nil // open, upgrade and noop mean nothing here; the Node server ignores them too
}

// deliver passes a message to Conn, unless the session is closing.
func (s *Session) deliver(p packet) {
	s.mu.Lock()
	if s.life != open {
		s.mu.Unlock()
		return
	}
	s.calls++
	if s.ws != nil {
		s.ws.delivers = s.polling == nil // an upgrade waits for the last POST
		if s.ws.delivers && !s.ws.in.ready() {
			s.ws.touched = 0 // the answer is not delayed
		}
	}
	s.mu.Unlock()
	defer s.endCall()
	if conn, ok := s.conn.(OwningConn); ok && p.owned {
		conn.OwnMessage(p.data, p.binary)
		return
	}
	s.conn.Message(p.data, p.binary)
}

// deliverHead passes the head of a message to Conn, and reports whether the rest may be
// discarded.
func (s *Session) deliverHead(p packet) bool {
	conn, ok := s.conn.(HeadConn)
	if p.kind != packetMessage || !ok {
		return false
	}
	s.mu.Lock()
	if s.life != open {
		s.mu.Unlock()
		return true // a closing session receives nothing
	}
	s.calls++
	s.mu.Unlock()
	defer s.endCall()
	return conn.MessageHead(p.data, p.binary)
}

// call makes another call to the layer above.
func (s *Session) call(method func()) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	defer s.endCall()
	method()
}

// endCall is deferred by each call to the layer above. A panic there ends only this
// session.
func (s *Session) endCall() {
	panicked := recover()
	s.mu.Lock()
	s.calls--
	if panicked != nil {
		s.end(TransportError)
	}
	s.mu.Unlock()
	if panicked != nil {
		p := guard.Recovered(panicked)
		s.srv.faults.Log(context.Background(), s.srv.log, slog.LevelError, p.At,
			"engineio: panic in a Conn or in the function that makes it; the session was closed", p.Attr())
	}
}

// asReader calls deliver as a reader of the session.
func (s *Session) asReader(deliver func() error) error {
	s.mu.Lock()
	if s.life == closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.reads++
	s.mu.Unlock()
	defer s.endReading()
	return deliver()
}

// endReading ends the caller's part as a reader of the session. The last reader of a
// closed session calls Conn.Closed.
func (s *Session) endReading() {
	s.mu.Lock()
	s.reads--
	last := s.reads == 0 && s.life == closed
	s.mu.Unlock()
	if last {
		s.countClosed()
		if s.srv.log.Enabled(context.Background(), slog.LevelDebug) { // or the arguments would be allocated
			s.srv.log.Debug("engineio: session closed", "remote", s.addr, "reason", s.reason)
		}
		s.call(func() { s.conn.Closed(s.reason) })
		s.srv.forget(s)
	}
}
