package socketio

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"socketiojwt/socketio/internal/packet"
)

// connect takes a CONNECT packet: it makes a socket, whose worker runs the
// middleware when its turn comes.
func (c *conn) connect(p packet.Packet) {
	opts := &c.server.opts
	c.mu.Lock()
	switch {
	case c.closed, c.server.draining.Load(): // Shutdown lets nobody in, and will close the transport
		c.mu.Unlock()
		return
	case p.Namespace == "/" && c.revision4() && c.find("/") != nil: // it was joined unasked, and the answer is on its way
		c.mu.Unlock()
		return
	case c.find(p.Namespace) != nil, len(c.sockets)+len(c.leaving) >= opts.MaxNamespaces:
		c.mu.Unlock()
		c.violation("CONNECT for a namespace joined already, or for too many")
		return
	}
	handshake := *c.request
	handshake.connectQuery = p.Query
	if len(p.Payload) > 0 {
		handshake.Auth = bytes.Clone(p.Payload)
	}
	s := newSocket(c, p.Namespace, &handshake)
	c.sockets = append(c.sockets, s)
	c.waiting = append(c.waiting, s)
	c.mu.Unlock()
	c.begin()
}

// begin begins the CONNECTs whose turn it is. A JavaScript client sends those of
// all its namespaces at once, so that those beyond MaxConnecting have to wait.
func (c *conn) begin() {
	for {
		c.mu.Lock()
		next := c.due()
		if next < 0 || c.connecting >= c.server.opts.MaxConnecting {
			c.mu.Unlock()
			return
		}
		if c.refused >= c.server.opts.MaxRefused {
			c.mu.Unlock()
			c.violation("too many CONNECTs were refused")
			return
		}
		s := c.waiting[next]
		c.waiting = slices.Delete(c.waiting, next, next+1)
		c.connecting++
		c.mu.Unlock()

		s.mu.Lock()
		s.post(task{step: s.connect})
		s.mu.Unlock()
	}
}

// growStack makes the goroutine's stack large enough for what verifies a token,
// while there is little on it to copy. Grown bit by bit under the cryptography,
// copying it was 8 % of the server's CPU in bench's row es256, and is 4 % so
// (cd bench && go run . -profile DIR -rows es256).
//
//go:noinline
func growStack(i int) byte {
	var room [8 << 10]byte
	return room[i%len(room)]
}

// connect finds the namespace and begins its middleware. Worker.
func (s *Socket) connect() {
	growStack(0)
	ctx := s.Context()
	n, err := s.conn.server.namespaceFor(ctx, s.name, s.Handshake())
	if err != nil {
		_ = s.Refuse(err)
		return
	}
	s.mu.Lock()
	ended := s.state == stateClosed
	if !ended {
		s.namespace = n
	}
	s.mu.Unlock()
	if ended {
		s.conn.server.release(n)
		return
	}
	s.resume()
}

// resume runs the connect middleware that is left, and then admits the socket.
// Worker.
func (s *Socket) resume() {
	for {
		s.mu.Lock()
		if s.state != stateConnecting && s.state != stateHeld || s.suspended { // ended, or held again
			s.mu.Unlock()
			return
		}
		chain := s.namespace.table.connect
		if s.next == len(chain) {
			s.mu.Unlock()
			s.admit()
			return
		}
		middleware, ctx, holds := chain[s.next], s.ctx, s.holds
		s.next++
		s.mu.Unlock()

		err := middleware(ctx, s)

		s.mu.Lock()
		held := s.holds != holds
		s.mu.Unlock()
		if held && (err == nil || errors.Is(err, errHeld)) {
			return // Admit comes back here
		}
		if err != nil {
			_ = s.Refuse(err)
			return
		}
	}
}

// admit lets the socket in: rooms, CONNECT, OnConnect, then the events that came
// early. Worker.
func (s *Socket) admit() {
	s.mu.Lock()
	if s.state == stateClosed || s.suspended { // ended, or held by somebody beside the middleware
		s.mu.Unlock()
		return
	}
	answer := s.state == stateConnecting
	s.state = stateAdmitted
	s.namespace.local.add(s) // under the lock: whoever finds it listed finds it admitted
	if answer {
		_ = s.conn.session.Send(s.connected()) // a closed session ends the socket by itself
	}
	if s.early != nil {
		s.sendWelcome()
		for _, e := range s.early.events {
			s.inboxBytes += e.size
			s.inbox = append(s.inbox, task{event: e}) // this worker runs them
		}
		s.releaseEarly()
	}
	ctx := s.ctx
	s.mu.Unlock()
	if answer {
		s.conn.answered()
	}

	err := s.runOnConnect(ctx)
	s.mu.Lock()
	s.handshake = nil
	s.mu.Unlock()
	if err != nil {
		s.logger().Warn("socketio: OnConnect failed", "error", err)
		s.Disconnect(err)
	}
}

func (s *Socket) runOnConnect(ctx context.Context) error {
	for _, f := range s.namespace.table.onConnect {
		if err := f(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
