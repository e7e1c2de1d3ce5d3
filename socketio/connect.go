package socketio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"socketiojwt/engineio"
	"socketiojwt/observe"
	"socketiojwt/socketio/internal/packet"
)

// connect handles a CONNECT packet. It makes a socket, whose worker runs the middleware when
// its turn comes. Start starts the worker.
func (c *conn) connect(p packet.Packet, start func(engineio.Task)) {
	opts := &c.server.opts
	c.mu.Lock()
	switch {
	case c.closed, c.draining(): // Shutdown admits no sockets and will close the transport
		c.mu.Unlock()
		return
	case p.Namespace == "/" && c.legacy() && c.find("/") != nil: // the legacy client joined without a CONNECT, and the answer has been sent
		c.mu.Unlock()
		return
	case c.find(p.Namespace) != nil:
		c.mu.Unlock()
		c.violation("CONNECT for a namespace joined already")
		return
	case len(c.sockets)+len(c.past().leaving) >= opts.MaxNamespaces:
		c.mu.Unlock()
		c.overLimit("CONNECT for too many namespaces", "Options.MaxNamespaces")
		return
	}
	handshake, size, auth, result := c.chargeHandshake(p)
	if result != taken {
		c.mu.Unlock()
		c.charged(result, "too many sockets before the first is admitted")
		return
	}
	s := newSocket(c, p.Namespace, handshake)
	s.arrival.kept, s.arrival.auth = size, auth
	c.server.figures.states[stateConnecting].Add(1)
	c.sockets = append(c.sockets, s)
	s.arrival.waiting = true
	c.waiting++
	c.mu.Unlock()
	c.beginWith(start)
}

// chargeHandshake returns the handshake of a CONNECT, the bytes charged for it, and the auth
// payload, which is charged separately. A payload or query that exceeds its limit is left out.
// The caller holds mu.
func (c *conn) chargeHandshake(p packet.Packet) (h *Handshake, size int, auth *sharedAuth, result charged) {
	handshake := c.first.handshake(c.session)
	size = socketBytes + len(p.Namespace)
	if result = c.ledger().handshake(size); result != taken {
		return nil, 0, nil, result
	}
	if len(p.Query) > 0 {
		switch result = c.ledger().handshake(len(p.Query)); result {
		case taken:
			size, handshake.connectQuery = size+len(p.Query), p.Query
		case tooMuch:
			p.TooLarge, result = true, taken
		}
	}
	if len(p.Payload) > 0 && result == taken {
		if auth, result = c.shareAuth(p.Payload); result == tooMuch {
			p.TooLarge, result = true, taken
		}
	}
	if auth != nil {
		handshake.Auth = auth.payload
	}
	if p.TooLarge {
		c.server.logTooLarge(c, "auth payload of a CONNECT")
		handshake.TooLarge, handshake.authTooLarge = true, true
	}
	if result != taken {
		c.ledger().handshake(-size)
	}
	return handshake, size, auth, result
}

// sharedAuth is an auth payload. Clients often send the same one for each of their namespaces.
type sharedAuth struct {
	payload []byte
	users   int // number of sockets
	next    *sharedAuth
}

// shareAuth returns the stored auth payload that equals payload. It is charged once for all
// sockets that have it. The caller holds mu.
func (c *conn) shareAuth(payload []byte) (*sharedAuth, charged) {
	for auth := c.auths; auth != nil; auth = auth.next {
		if bytes.Equal(auth.payload, payload) {
			auth.users++
			return auth, taken
		}
	}
	if result := c.ledger().handshake(len(payload)); result != taken {
		return nil, result
	}
	c.auths = &sharedAuth{payload: bytes.Clone(payload), users: 1, next: c.auths}
	return c.auths, taken
}

// forgetAuth releases an auth payload that a socket no longer needs.
func (c *conn) forgetAuth(auth *sharedAuth) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if auth.users--; auth.users > 0 {
		return
	}
	c.ledger().handshake(-len(auth.payload))
	for at := &c.auths; *at != nil; at = &(*at).next {
		if *at == auth {
			*at = auth.next
			return
		}
	}
}

// beginWith starts the CONNECTs whose turn it is. A JavaScript client sends those of all its
// namespaces at once, so those beyond MaxConnecting wait. Start starts their workers.
func (c *conn) beginWith(start func(engineio.Task)) {
	for {
		c.mu.Lock()
		s := c.due()
		if s == nil || int(c.connecting) >= c.server.opts.MaxConnecting {
			c.mu.Unlock()
			return
		}
		if c.past().refused >= c.server.opts.MaxRefused {
			c.mu.Unlock()
			c.overLimit("too many CONNECTs were refused", "Options.MaxRefused")
			return
		}
		c.leaveQueue(s)
		c.connecting++
		c.mu.Unlock()

		s.mu.Lock()
		if s.queue(&task{step: s.connect}) {
			start((*worker)(s))
		}
		s.mu.Unlock()
	}
}

// connect finds the namespace and starts its middleware. It runs on the worker.
func (s *Socket) connect() {
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
	s.observeConnect()
	s.resume()
}

// resume runs the remaining connect middleware and then admits the socket. It runs on the
// worker.
func (s *Socket) resume() {
	for {
		now := s.look()
		s.mu.Lock()
		if s.state != stateConnecting && s.state != stateHeld || s.arrival.suspended || s.pastDeadline(now) { // ended, or held again
			s.mu.Unlock()
			return
		}
		chain := s.namespace.table.connect
		if int(s.arrival.next) == len(chain) {
			tooLarge := s.arrival.handshake.authTooLarge
			s.mu.Unlock()
			if tooLarge { // no middleware has refused a socket whose credentials were too large to read
				_ = s.Refuse(errTooLarge)
				return
			}
			s.admit()
			return
		}
		middleware, ctx, holds := chain[s.arrival.next], s.ctx, s.arrival.holds
		s.arrival.next++
		s.mu.Unlock()

		err := middleware(ctx, s)

		s.mu.Lock()
		held := s.arrival.holds != holds
		s.mu.Unlock()
		if held && (err == nil || errors.Is(err, errHeld)) {
			return // Admit resumes here
		}
		if err != nil {
			_ = s.Refuse(err)
			return
		}
	}
}

// admit admits the socket: rooms, CONNECT, OnConnect, then the early events. It runs on the
// worker.
func (s *Socket) admit() {
	srv := s.conn.server
	lost, waits := s.findLost()
	if waits { // resumed once the lost socket's OnDisconnect has returned
		return
	}
	srv.count(s.namespace, +1)
	now := s.look()
	s.mu.Lock()
	answer := s.state == stateConnecting
	// It has ended, or is held by a concurrent call of Hold, or its connection is closing and ends it.
	if s.state == stateClosed || s.arrival.suspended || s.pastDeadline(now) || !s.conn.accept(answer) {
		s.mu.Unlock()
		srv.count(s.namespace, -1)
		srv.putBack(lost)
		return
	}
	observed := s.takeObserved(observe.OK)
	s.become(stateAdmitted)
	s.arrival.opening = len(s.namespace.table.onConnect) > 0
	s.counts().admissions.Add(1)
	// Under the lock, so that a listed socket is always an admitted one. Send fails only if the
	// session is closed, which ends the socket.
	for _, m := range s.enter(lost, answer) {
		_ = s.conn.session.Send(m)
	}
	if s.arrival.early != nil {
		s.sendWelcome()
		for _, e := range s.arrival.early.events {
			s.inboxBytes += e.size
			s.inbox.add(e.asTask()) // handled by this worker
		}
		s.arrival.early = nil
	}
	ctx := s.ctx
	s.mu.Unlock()
	if answer {
		s.conn.begin()
	}
	observed.end()
	srv.putBack(lost)
	s.conn.server.door.admitted(s.namespace.table)

	err := s.runOnConnect(ctx)
	kept := srv.opts.afterConnect(s.Handshake())
	s.arrived(kept, err != nil)
	if err != nil {
		if errors.Is(err, ErrClosed) { // the peer left, or the socket's deadline has passed
			s.logger().DebugContext(ctx, "socketio: OnConnect failed", "error", err)
		} else {
			s.logSampled(ctx, slog.LevelWarn, s.name+"\n"+fmt.Sprint(err), "socketio: OnConnect failed", "error", err)
		}
		s.passDeadline() // which may let the peer come back; after DISCONNECT it would not
		s.Disconnect(err)
	}
}

// arrived drops what the socket no longer needs, and keeps a handshake, which may be nil. If
// OnConnect has failed, the session of the socket cannot be recovered.
func (s *Socket) arrived(kept *Handshake, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveBackHandshake()
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.arrival = nil; kept != nil || failed {
		s.arrival = &arrival{handshake: kept, opening: failed}
	}
}

// runOnConnect stops once the socket has ended, so that no function starts with a context that
// has ended.
func (s *Socket) runOnConnect(ctx context.Context) error {
	for _, f := range s.namespace.table.onConnect {
		if s.hasEnded() {
			return nil
		}
		s.greeted = true
		if err := f(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
