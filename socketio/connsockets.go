package socketio

import "slices"

// This file keeps the lists of the sockets of a connection.

// all returns the sockets of the connection that have not ended.
func (c *conn) all() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(c.sockets, c.leaving)
}

// leave allows the peer to join the namespace of the socket again. The socket may still be
// handling events that the peer sent before.
func (c *conn) leave(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if take(&c.sockets, s) { // otherwise it has just ended
		c.leaving = append(c.leaving, s)
		c.setTimer()
	}
}

// forgetSocket removes an ending socket from the connection. The caller holds the socket's mu.
func (c *conn) forgetSocket(s *Socket, was state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !take(&c.waiting, s) && was == stateConnecting {
		c.connecting--
	}
	switch was {
	case stateConnecting, stateHeld:
		c.refused++
	case stateAdmitted:
		c.inside--
	}
	// After a Temporary ending the connection may stay open for a while, and the peer may still
	// send events.
	if take(&c.sockets, s) && was != stateConnecting && !slices.Contains(c.endedNames, s.name) {
		if len(c.endedNames) >= c.server.opts.MaxNamespaces {
			c.endedNames = slices.Delete(c.endedNames, 0, 1)
		}
		c.endedNames = append(c.endedNames, s.name)
	}
	take(&c.leaving, s)
	if c.legacy() && was >= stateAdmitted {
		c.disconnecting = append(c.disconnecting, s)
	}
	c.setTimer()
	c.forget()
}

// forgetDisconnecting allows the peer's next socket with the same id to begin, after
// OnDisconnect has returned.
func (c *conn) forgetDisconnecting(s *Socket) {
	c.mu.Lock()
	listed := take(&c.disconnecting, s)
	c.mu.Unlock()
	if listed {
		c.begin()
	}
}

// due returns the index in waiting of the CONNECT that may begin next, or -1. The next socket
// of a legacy client in a namespace has the same id again, and programs store things by the id.
// So that socket waits until OnDisconnect of the previous one has returned. The caller holds
// mu.
func (c *conn) due() int {
	return slices.IndexFunc(c.waiting, func(s *Socket) bool {
		same := func(other *Socket) bool { return other.id == s.id }
		return !slices.ContainsFunc(c.leaving, same) && !slices.ContainsFunc(c.disconnecting, same)
	})
}

// take removes s from a list, and reports whether it was in it.
func take(list *[]*Socket, s *Socket) bool {
	i := slices.Index(*list, s)
	if i >= 0 {
		*list = slices.Delete(*list, i, i+1)
	}
	return i >= 0
}
