package socketio

import (
	"slices"
	"time"
)

// This file keeps the lists of the sockets of a connection.

// history is the part of a connection that is nil for one whose sockets stay: the largest
// number of connections is idle.
type history struct {
	keep          []string  // headers kept because of Socket.KeepHeader
	leaving       []*Socket // their peer has left; events received before are still handled
	disconnecting []*Socket // ended sockets; a new socket with the same id waits until OnDisconnect has returned
	endedNames    []string  // namespaces that the server ended and the peer may not know about yet
	refused       int
	forgiven      time.Time   // when a temporary refusal was last not counted
	closeTimer    *time.Timer // closes the connection after a temporary refusal
}

// past returns the history of the connection to be read. The caller holds mu.
func (c *conn) past() history {
	if c.history == nil {
		return history{}
	}
	return *c.history
}

// record returns the history of the connection to be changed. The caller holds mu.
func (c *conn) record() *history {
	if c.history == nil {
		c.history = new(history)
	}
	return c.history
}

// all returns the sockets of the connection that have not ended.
func (c *conn) all() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(c.sockets, c.past().leaving)
}

// leave allows the peer to join the namespace of the socket again. The socket may still be
// handling events that the peer sent before.
func (c *conn) leave(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if take(&c.sockets, s) { // otherwise it has just ended
		h := c.record()
		h.leaving = append(h.leaving, s)
		c.setTimer()
	}
}

// forgetSocket removes an ending socket from the connection. The caller holds the socket's mu.
func (c *conn) forgetSocket(s *Socket, was state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.isWaiting():
		c.leaveQueue(s)
	case was == stateConnecting:
		c.connecting--
	}
	switch was {
	case stateConnecting, stateHeld:
		c.record().refused++
	case stateAdmitted:
		c.inside--
	}
	// After a Temporary ending the connection may stay open for a while, and the peer may still
	// send events.
	if take(&c.sockets, s) && was != stateConnecting && !slices.Contains(c.past().endedNames, s.name) {
		h := c.record()
		if len(h.endedNames) >= c.server.opts.MaxNamespaces {
			h.endedNames = slices.Delete(h.endedNames, 0, 1)
		}
		h.endedNames = append(h.endedNames, s.name)
	}
	if h := c.history; h != nil {
		take(&h.leaving, s)
	}
	if c.legacy() && was >= stateAdmitted {
		h := c.record()
		h.disconnecting = append(h.disconnecting, s)
	}
	c.setTimer()
	c.forget()
}

// forgetDisconnecting allows the peer's next socket with the same id to begin, after
// OnDisconnect has returned.
func (c *conn) forgetDisconnecting(s *Socket) {
	c.mu.Lock()
	listed := c.history != nil && take(&c.history.disconnecting, s)
	c.mu.Unlock()
	if listed {
		c.begin()
	}
}

// begin starts the CONNECTs whose turn it is, on other goroutines.
func (c *conn) begin() { c.beginWith(c.server.engine.Go) }

// due returns the socket whose CONNECT may begin next, or nil. The next socket of a legacy
// client in a namespace has the same id again, and programs store things by the id. So that
// socket waits until OnDisconnect of the previous one has returned. The caller holds mu.
func (c *conn) due() *Socket {
	if c.waiting == 0 {
		return nil
	}
	past := c.past()
	for _, s := range c.sockets {
		same := func(other *Socket) bool { return other.id == s.id }
		if s.isWaiting() && !slices.ContainsFunc(past.leaving, same) && !slices.ContainsFunc(past.disconnecting, same) {
			return s
		}
	}
	return nil
}

// isWaiting reports whether the CONNECT of the socket waits for its turn. The caller holds conn.mu.
func (s *Socket) isWaiting() bool { return s.arrival != nil && s.arrival.waiting }

// leaveQueue ends the wait of a CONNECT for its turn. The caller holds mu.
func (c *conn) leaveQueue(s *Socket) {
	s.arrival.waiting = false
	c.waiting--
}

// take removes s from a list, and reports whether it was in it.
func take(list *[]*Socket, s *Socket) bool {
	i := slices.Index(*list, s)
	if i >= 0 {
		*list = slices.Delete(*list, i, i+1)
	}
	return i >= 0
}
