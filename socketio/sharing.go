package socketio

import "time"

// A temporary refusal closes the transport, because that makes the JavaScript client reconnect
// by itself. It must not end sockets that other namespaces have admitted.

// SharesConnection reports whether another socket of the same connection is admitted. If so, a
// Temporary ending ends only this socket.
func (s *Socket) SharesConnection() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.shares()
}

// shares is SharesConnection. The caller holds the mu of the socket and of its connection.
func (s *Socket) shares() bool {
	others := s.conn.inside
	if s.state == stateAdmitted {
		others--
	}
	return others > 0
}

// closeUnlessShared prevents new sockets and admissions, because the connection is going to end
// with s. It reports false, and does nothing, if another socket is admitted or if the state of
// s is later than last.
func (c *conn) closeUnlessShared(s *Socket, last state) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.shares() || s.state > last {
		return false
	}
	c.closed = true
	c.setTimer()
	return true
}

// uncount records that a socket is no longer admitted. The caller holds the socket's mu.
func (c *conn) uncount() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside--
}

// forgiveEvery is the time after which a temporary refusal again does not count in
// Options.MaxRefused.
const forgiveEvery = time.Second

// forgive removes a temporary refusal from the count, so that a peer that retries a namespace
// keeps its connection. Refusals of a peer that retries more often than forgiveEvery count.
func (c *conn) forgive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.past().forgiven) >= forgiveEvery {
		h := c.record()
		h.forgiven = now
		h.refused--
	}
}
