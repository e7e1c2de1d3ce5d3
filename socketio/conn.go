package socketio

import (
	"bytes"
	"net/http"
	"slices"
	"sync"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio/internal/packet"
)

// conn is the connection: the Socket.IO side of one Engine.IO session. Its
// sockets share it.
type conn struct {
	server  *Server
	session *engineio.Session
	partial *partial // a binary packet whose attachments are due; the reader's alone

	mu         sync.Mutex
	closed     bool
	request    *Handshake // what sockets that connect now can see of the first request
	trimmed    bool       // request holds no more than KeepHeaders and keep
	keep       []string   // headers kept because of Socket.KeepHeader
	sockets    []*Socket  // one for each namespace joined or being joined
	left       []string   // namespaces that the server ended, whose peer may not know yet
	connecting int
	refused    int
	timer      *time.Timer // runs while no namespace is joined
}

// partial is a BINARY_EVENT or BINARY_ACK that is still incomplete.
type partial struct {
	packet      packet.Packet
	attachments [][]byte
}

var _ engineio.Conn = (*conn)(nil)

// open begins a connection.
func (srv *Server) open(session *engineio.Session, r *http.Request) engineio.Conn {
	c := &conn{server: srv, session: session, request: newHandshake(session, r)}
	if !srv.addConn(c) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.startTimer()
	return c
}

// Message takes one message of the session. It runs on the session's reader and
// never waits.
func (c *conn) Message(data []byte, binary bool) {
	if binary {
		c.attachment(data)
		return
	}
	if c.partial != nil {
		c.violation("text while attachments are due")
		return
	}
	p, err := packet.Parse(data, c.server.opts.MaxAttachments, c.server.opts.MaxNameLength)
	if err != nil {
		c.violation("malformed packet")
		return
	}
	if p.Attachments > 0 {
		p.Payload = bytes.Clone(p.Payload)
		c.partial = &partial{packet: p}
		return
	}
	c.handle(p, nil)
}

// attachment adds one to the binary packet that waits for it.
func (c *conn) attachment(data []byte) {
	if c.partial == nil {
		c.violation("binary when no attachment is due")
		return
	}
	c.partial.attachments = append(c.partial.attachments, bytes.Clone(data))
	if len(c.partial.attachments) == c.partial.packet.Attachments {
		whole := c.partial
		c.partial = nil
		c.handle(whole.packet, whole.attachments)
	}
}

// handle takes one whole packet. Whatever breaks the protocol closes the
// connection.
func (c *conn) handle(p packet.Packet, attachments [][]byte) {
	maxDepth := c.server.opts.MaxDepth
	switch p.Type {
	case packet.Connect:
		if p.HasAck || len(p.Payload) > 0 && !validObject(p.Payload, maxDepth) {
			c.violation("malformed CONNECT")
			return
		}
		c.connect(p)
	case packet.Disconnect:
		if p.HasAck || len(p.Payload) > 0 {
			c.violation("malformed DISCONNECT")
			return
		}
		if s, ok := c.joined(p.Namespace); ok && s != nil {
			s.left()
		}
	case packet.Event, packet.BinaryEvent:
		if s, ok := c.joined(p.Namespace); ok && s != nil {
			e, err := parseEvent(s, p, attachments, c.server.opts.MaxNameLength, maxDepth)
			if err != nil {
				c.violation("malformed EVENT")
				return
			}
			s.receive(e)
		}
	case packet.Ack, packet.BinaryAck:
		if s, ok := c.joined(p.Namespace); ok && s != nil {
			args, err := parseArguments(p.Payload, attachments, maxDepth)
			if err != nil || !p.HasAck {
				c.violation("malformed ACK")
				return
			}
			s.acknowledged(p.AckID, args)
		}
	default: // CONNECT_ERROR is the server's
		c.violation("packet type of the server")
	}
}

// joined finds the socket that a packet is for. It is nil for a namespace that
// the server has just ended: the peer may not know yet, and its packet is
// dropped. A packet for a namespace that was never joined, or is not joined yet,
// closes the connection and is not ok.
func (c *conn) joined(namespace string) (s *Socket, ok bool) {
	c.mu.Lock()
	s = c.find(namespace)
	left := c.closed || slices.Contains(c.left, namespace)
	c.mu.Unlock()
	if s == nil && !left || s != nil && s.isConnecting() {
		c.violation("packet for a namespace that is not joined")
		return nil, false
	}
	return s, true
}

// find returns the socket in a namespace. The caller holds mu.
func (c *conn) find(namespace string) *Socket {
	for _, s := range c.sockets {
		if s.name == namespace {
			return s
		}
	}
	return nil
}

// answered counts a CONNECT that was answered, and drops what only the first
// CONNECT may see.
func (c *conn) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connecting--
	if len(c.sockets) > 0 { // else it ended meanwhile
		c.stopTimer()
	}
	if !c.trimmed {
		c.trimmed = true
		c.request = c.request.keep(append(c.keep, c.server.opts.KeepHeaders...))
		c.keep = nil
	}
}

// gone takes a socket that ended out of the connection.
func (c *conn) gone(s *Socket, was state, byServer bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was == stateConnecting {
		c.connecting--
	}
	if was == stateConnecting || was == stateHeld {
		c.refused++
	}
	i := slices.Index(c.sockets, s)
	if i < 0 {
		return
	}
	c.sockets = slices.Delete(c.sockets, i, i+1)
	if byServer && was != stateConnecting && !slices.Contains(c.left, s.name) {
		if len(c.left) >= c.server.opts.MaxNamespaces {
			c.left = slices.Delete(c.left, 0, 1)
		}
		c.left = append(c.left, s.name)
	}
	if len(c.sockets) == 0 {
		c.startTimer()
	}
}

// startTimer begins the time in which a namespace has to be joined. The caller
// holds mu.
func (c *conn) startTimer() {
	if c.closed || c.timer != nil {
		return
	}
	c.timer = time.AfterFunc(c.server.opts.ConnectTimeout, func() { c.violation("no namespace joined in time") })
}

// stopTimer ends it. The caller holds mu.
func (c *conn) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// violation closes the connection because of what the peer did.
func (c *conn) violation(what string) {
	c.server.opts.Logger.Debug("socketio: connection closed", "why", what, "remote", c.session.RemoteAddr())
	c.close(ReasonForcedClose, nil)
}

// close ends all sockets at once and closes the transport, without DISCONNECT,
// once what is queued has been written.
func (c *conn) close(reason Reason, cause error) {
	for _, s := range c.shut() {
		s.end(reason, cause, nil)
	}
	c.session.Close(engineio.Reason(reason))
}

// Closed ends the sockets after the events that were received before.
func (c *conn) Closed(reason engineio.Reason) {
	for _, s := range c.shut() {
		s.lost(Reason(reason))
	}
	c.server.removeConn(c)
}

// shut stops new sockets and returns those there are.
func (c *conn) shut() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.stopTimer()
	return slices.Clone(c.sockets)
}
