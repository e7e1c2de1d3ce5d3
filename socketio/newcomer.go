package socketio

import "time"

// This file implements the limits of a connection until its first socket is admitted: time,
// room in the ledger, and failures.

// setTimer starts the timer for the admission of the first socket, and later the timer that
// runs while no namespace is joined. The caller holds mu.
func (c *conn) setTimer() {
	joined := c.admitted && len(c.sockets) > int(c.waiting+c.connecting)
	switch {
	case c.timer == nil && !joined && !c.closed:
		var timer *time.Timer
		timer = time.AfterFunc(c.server.opts.ConnectTimeout, func() { c.closeOverdue(&timer) })
		c.timer = timer
	case c.timer != nil && (joined || c.closed):
		c.timer.Stop()
		c.timer = nil
	}
}

// closeOverdue closes the connection when its timer has fired, unless the timer was stopped
// meanwhile.
func (c *conn) closeOverdue(timer **time.Timer) {
	c.mu.Lock()
	due := c.timer == *timer
	c.mu.Unlock()
	if due {
		c.violation("no namespace joined in time")
	}
}

// accept records that a socket is admitted, and applies the higher limits from now on. Answer says that its
// CONNECT is going to be answered. It returns false if the connection is being closed. The caller holds the socket's mu.
func (c *conn) accept(answer bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.inside++
	if !c.admitted {
		c.admitted = true
		c.ledger().admit()
	}
	if answer {
		c.answering()
	} else {
		c.setTimer()
	}
	return true
}

// answering records that a CONNECT is going to be answered. It is called before, because the peer may then send the
// next one at once. The caller holds mu, and calls begin afterwards.
func (c *conn) answering() {
	c.connecting--
	c.setTimer()
	c.trim()
}

// blame counts a failure of the peer's address.
func (c *conn) blame() {
	c.mu.Lock()
	c.blamed = true
	c.mu.Unlock()
	c.session.CountFailure()
}

// excuse makes the end of the connection not count as a failure of the peer.
func (c *conn) excuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blamed = true
}

// charged reports whether the ledger has accepted a charge. If not, it closes the connection.
func (c *conn) charged(result charged, what string) bool {
	switch result {
	case tooMuch:
		c.overLimit(what, "Options.MaxNewBytes, or Options.MaxInbox once a socket is admitted, and HoldOptions for a held socket")
	case overload:
		c.server.figures.overloads.Add(1)
		c.excuse()
		const what = "too many bytes of connections without an admission"
		c.logClosed(c.server.firstWarning(what), what, "hint", "Options.MaxHeldBytes")
		c.close(ReasonForcedServerClose, nil)
	}
	return result == taken
}
