package socketio

import "time"

// A temporary refusal closes the transport, because the JavaScript client then comes
// back by itself. It must not end the sockets that other namespaces have admitted.

// SharesConnection reports whether another socket of the same connection is admitted. A
// Temporary ending then ends only this socket.
func (s *Socket) SharesConnection() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	others := s.conn.inside
	if s.state == stateAdmitted {
		others--
	}
	return others > 0
}

// shutUnlessShared stops new sockets and admissions for a socket that is to take the
// connection along. It reports false, and does nothing, while another socket is admitted or
// if the state of this one is later than last.
func (c *conn) shutUnlessShared(s *Socket, last state) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	others := c.inside
	if s.state == stateAdmitted {
		others--
	}
	if others > 0 || s.state > last {
		return false
	}
	c.closed = true
	c.setTimer()
	return true
}

// withdraw notes that an admitted socket is one no more. The caller holds the socket's
// mu.
func (c *conn) withdraw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside--
}

// forgiveEvery is how often a temporary refusal does not count in Options.MaxRefused.
const forgiveEvery = time.Second

// forgive takes a temporary refusal out of the count, so that a peer that comes back
// for a namespace keeps its connection. One that comes back more often than it should
// is counted.
func (c *conn) forgive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.forgiven) >= forgiveEvery {
		c.forgiven = now
		c.refused--
	}
}
