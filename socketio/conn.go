package socketio

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

// conn is a connection: the Socket.IO side of one Engine.IO session. The sockets of its
// namespaces share it.
type conn struct {
	server   *Server
	session  *engineio.Session
	ctx      context.Context // parent of the contexts of its sockets; it never ends
	accounts accounts        // see ledger
	partial  *partial        // an incomplete binary packet; only for the reader
	behind   atomic.Int64    // bytes of packets of its sockets that wait for the log

	shuttingDown atomic.Bool // Shutdown has reached this connection
	begun        bool        // a message was received; only for the reader
	owns         bool        // the data of the message belongs to the connection; only for the reader
	place        int32       // in Server.conns, plus one; guarded by Server.mu

	mu         sync.Mutex // taken after a socket's, before the server's
	waiting    int32      // CONNECTs that wait for their turn
	first      firstRequest
	sockets    []*Socket   // one for each namespace joined or being joined
	auths      *sharedAuth // the first of a list
	timer      *time.Timer // runs until the first admission, and while no namespace is joined
	history    *history    // what most connections do not need; see past
	connecting int32       // CONNECTs whose middleware runs
	inside     int32       // admitted sockets
	closed     bool
	trimmed    bool // first has only the headers of KeepHeaders and history.keep
	ended      bool // the session has ended; the connection is forgotten with its last socket
	admitted   bool // a socket has been admitted
	blamed     bool // a failure was counted for its address, or none is to be counted
}

var (
	_ engineio.HeadConn   = (*conn)(nil)
	_ engineio.OwningConn = (*conn)(nil)
)

// open creates the connection of a session.
func (srv *Server) open(session *engineio.Session, r *http.Request) engineio.Conn {
	ctx, ok := srv.connContext(r)
	if !ok {
		return nil
	}
	c := &conn{server: srv, session: session, ctx: ctx}
	size := 0
	if c.first, size = readFirstRequest(r, srv.opts.MaxHandshake); c.first.shown.tooLarge {
		srv.logTooLarge(c, "header and URL of a first request")
	}
	if srv.opts.ConnContext != nil {
		size += contextBytes
	}
	if c.ledger().handshake(size) != taken {
		return nil
	}
	if !srv.addConn(c) {
		c.ledger().close()
		return nil
	}
	c.mu.Lock()
	c.setTimer()
	c.mu.Unlock()
	if c.legacy() {
		c.joinMain()
	}
	return c
}

// joinMain lets a legacy client join "/" without a CONNECT, if that namespace exists.
func (c *conn) joinMain() {
	if main := c.server.Namespace; main.table.admits() {
		c.connect(packet.Packet{Type: packet.Connect, Namespace: main.name}, c.server.engine.Go)
	}
}

// legacy reports whether the peer is a client of Socket.IO 1 or 2, which speaks Engine.IO 3 and
// revision 4 of the Socket.IO protocol.
func (c *conn) legacy() bool { return c.session.Protocol() == 3 }

// limits returns the limits on a packet of the peer.
func (c *conn) limits() packet.Limits {
	opts := &c.server.opts
	limits := packet.Limits{Attachments: opts.MaxAttachments, Name: opts.MaxNameLength}
	if c.legacy() {
		limits.Query = opts.MaxAuthPayload
	}
	return limits
}

// Message handles one message of the session. It runs on the session's reader and never waits.
func (c *conn) Message(data []byte, binary bool) {
	first := !c.begun
	c.begun = true
	if binary && first {
		c.overLimit("first packet is binary", "the client may use another parser, such as socket.io-msgpack-parser; only the default parser is supported")
		return
	}
	if binary {
		c.attachment(data)
		return
	}
	if c.partial != nil {
		c.violation("text while attachments are due")
		return
	}
	p, err := packet.Parse(data, c.limits())
	if errors.Is(err, packet.ErrAttachments) {
		c.overLimit("too many attachments in a packet", "Options.MaxAttachments")
		return
	}
	if err != nil {
		c.violation("malformed packet")
		return
	}
	if p.Attachments > 0 {
		c.beginPartial(p)
		return
	}
	c.handle(p, nil)
}

// handle handles one complete packet. A packet that breaks the protocol closes the connection.
func (c *conn) handle(p packet.Packet, attachments [][]byte) {
	maxDepth := c.server.opts.MaxDepth
	switch p.Type {
	case packet.Connect:
		if len(p.Payload) > c.server.opts.MaxAuthPayload {
			p.TooLarge, p.Payload = true, nil
		}
		if p.HasAck || len(p.Payload) > 0 && (c.legacy() || !wirejson.ValidPeerObject(p.Payload, maxDepth)) {
			c.violation("malformed CONNECT")
			return
		}
		c.connect(p, c.session.AfterMessages)
	case packet.Disconnect:
		if p.HasAck || len(p.Payload) > 0 {
			c.violation("malformed DISCONNECT")
			return
		}
		if s, ok := c.joined(p.Namespace); ok && s != nil {
			s.peerLeft()
		}
	case packet.Event, packet.BinaryEvent:
		if s, ok := c.joined(p.Namespace); ok && s != nil {
			if len(attachments) == 0 && s.ignores(p.Payload) {
				return
			}
			p.Payload = c.keptPayload(p, attachments)
			e, err := parseEvent(s, p, attachments, c.server.opts.MaxNameLength, maxDepth)
			if err != nil {
				c.violation("malformed EVENT")
				return
			}
			s.receive(e)
		}
	case packet.Ack, packet.BinaryAck:
		if s, ok := c.joined(p.Namespace); ok && s != nil && !s.receiveAck(p, attachments) {
			c.violation("malformed ACK")
		}
	default: // only the server sends CONNECT_ERROR
		c.violation("packet type of the server")
	}
}

// joined finds the socket that a packet is addressed to. The socket is nil, and ok true, if the
// server has just ended the namespace: the peer may not know yet, or is not told during
// Shutdown, and its packet is dropped. If the namespace was never joined, or is not joined yet,
// joined closes the connection and ok is false.
func (c *conn) joined(namespace string) (s *Socket, ok bool) {
	c.mu.Lock()
	s = c.find(namespace)
	left := c.closed || c.draining() || slices.Contains(c.past().endedNames, namespace)
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

// trim drops what CONNECTs after the first one must not see. The caller holds mu.
func (c *conn) trim() {
	if !c.trimmed {
		c.trimmed = true
		c.first.shown = c.first.shown.keep(append(c.past().keep, c.server.opts.KeepHeaders...))
	}
}

// forget removes the connection from the server's table if it has no sockets and its session
// has ended. The caller holds mu.
func (c *conn) forget() {
	if c.ended && len(c.sockets)+len(c.past().leaving) == 0 {
		c.server.forgetConn(c)
	}
}

// violation closes the connection because the peer broke the protocol.
func (c *conn) violation(what string) {
	c.server.figures.violations.Add(1)
	c.logClosed(slog.LevelDebug, what)
	c.close(ReasonForcedClose, errors.New("socketio: "+what))
}

// overLimit is violation for a peer that exceeded a limit of Options or uses an unsupported
// feature. The client sees only "transport close", so the first occurrence of each reason is
// logged as a warning.
func (c *conn) overLimit(what, hint string) {
	c.server.figures.violations.Add(1)
	c.logClosed(c.server.firstWarning(what), what, "hint", hint)
	c.close(ReasonForcedClose, errors.New("socketio: "+what))
}

// draining reports whether the connection accepts no new sockets or events.
func (c *conn) draining() bool { return c.shuttingDown.Load() || c.server.draining.Load() }

// closeAfter closes the connection d after a socket of it was refused.
func (c *conn) closeAfter(d time.Duration, cause error) {
	if d <= 0 {
		c.close(ReasonForcedServerClose, cause)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.record(); h.closeTimer == nil && !c.ended {
		h.closeTimer = time.AfterFunc(min(d, c.server.opts.ConnectTimeout), func() { c.close(ReasonForcedServerClose, cause) })
	}
}

// close ends all sockets at once, without DISCONNECT, and closes the transport once what is
// queued has been written.
func (c *conn) close(reason Reason, cause error) {
	for _, s := range c.beginClosing() {
		s.end(reason, cause, nil)
	}
	c.session.Close(reason)
}

// Closed ends the sockets after the events received before have been handled.
func (c *conn) Closed(reason engineio.Reason) {
	for _, s := range c.beginClosing() {
		s.endAfterInbox(reason)
	}
	c.forgetPartial()
	c.ledger().close()
	c.mu.Lock()
	c.ended = true
	failed := !c.admitted && !c.blamed && !c.server.closing.Load()
	c.forget()
	c.mu.Unlock()
	if failed {
		c.session.CountFailure()
	}
}

// beginClosing prevents new sockets and returns the existing ones.
func (c *conn) beginClosing() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.setTimer()
	if c.past().closeTimer != nil {
		c.history.closeTimer.Stop()
		c.history.closeTimer = nil
	}
	return slices.Concat(c.sockets, c.past().leaving)
}
