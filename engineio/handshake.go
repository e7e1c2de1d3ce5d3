package engineio

import (
	"encoding/base64"
	"net/http"
	"strconv"
)

// openPacket is the first packet of a session (Engine.IO protocol 4, "Handshake"), without
// the sid.
type openPacket struct {
	polling, webSocket string // the part after the sid, by the session's first transport
}

func newOpenPacket(opts *Options) openPacket {
	tail := func(upgrades string) string {
		b := []byte(`","upgrades":[` + upgrades + `],"pingInterval":`)
		b = strconv.AppendInt(b, opts.PingInterval.Milliseconds(), 10)
		b = append(b, `,"pingTimeout":`...)
		b = strconv.AppendInt(b, opts.PingTimeout.Milliseconds(), 10)
		b = append(b, `,"maxPayload":`...)
		b = strconv.AppendInt(b, int64(opts.MaxPayload), 10)
		return string(append(b, '}'))
	}
	p := openPacket{polling: tail(""), webSocket: tail("")}
	if opts.upgradable() {
		p.polling = tail(`"` + string(WebSocket) + `"`)
	}
	return p
}

// appendText appends the packet's payload for a session.
func (p openPacket) appendText(dst []byte, id sessionID, tail string) []byte {
	dst = append(dst, `{"sid":"`...)
	dst = base64.RawURLEncoding.AppendEncode(dst, id[:])
	return append(dst, tail...)
}

// appendFrame appends the frame of the packet for a session by WebSocket.
func (p openPacket) appendFrame(dst []byte, id sessionID) []byte {
	var text [160]byte // so that there is no allocation
	return appendFrame(dst, serverSide, textFrame, string(packetOpen), p.appendText(text[:0], id, p.webSocket))
}

// handshake returns what answers a request without a sid with a new session. If r is refused, it
// answers r itself and returns nil.
func (srv *Server) handshake(w http.ResponseWriter, r *http.Request, p parameters) answerer {
	mismatch := checkTransport(r, p.transport)
	switch {
	case r.Method != http.MethodGet:
		srv.refuse(w, r, refuseMethod)
	case mismatch != nil:
		srv.refuse(w, r, mismatch)
	case p.codec == nil:
		srv.refuse(w, r, refuseProtocol)
	case hasBody(r):
		srv.refuse(w, r, refuseBadRequest)
	case p.codec.rules().publicID && p.transport == Polling && !srv.binder.binds(r):
		srv.refuseUnbound(w, r)
	case !srv.paced(w, r), !srv.allowed(w, r):
	case p.transport == WebSocket:
		return (*Server).openWebSocket
	default:
		return (*Server).openPolling
	}
	return nil
}

// newSession returns a new session. The caller is a reader of it until endReading, or
// until it passes that on. If the server takes no more sessions, or no more of this peer's
// address, newSession answers r and returns nil.
func (srv *Server) newSession(w http.ResponseWriter, r *http.Request, p parameters) *Session {
	var known *bond
	if publicID := p.codec.rules().publicID; publicID || p.transport == Polling {
		known = srv.binder.bind(r, publicID) // Options.Bind, which may panic, before anything is counted
	}
	addr := srv.opts.proxies().remoteAddr(r)
	network := Network(addr)
	srv.warnUncounted(network)
	counted, crowded := srv.addresses.count(network, srv.now())
	if crowded != nil {
		srv.refuseCrowded(w, r, network, crowded)
		return nil
	}
	s := &Session{
		srv: srv, id: newSessionID(), addr: addr, reads: 1,
		codec: p.codec, originChecked: !srv.opts.InsecureAnyOrigin && p.codec.originShown(r),
	}
	s.bond = known
	s.address.Store(counted)
	s.fresh.Store(counted != nil)
	s.maxMessage.Store(int64(srv.opts.maxNew()))
	if !srv.register(s) {
		s.leaveAddress()
		srv.refuseBecause(w, r, refuseBusy, causeFull)
		return nil
	}
	return s
}

// openWebSocket starts a session by WebSocket. The HTTP response, the open packet and what
// the layer above sends at once are written together.
func (srv *Server) openWebSocket(w http.ResponseWriter, r *http.Request, p parameters) {
	s := srv.newSession(w, r, p)
	if s == nil {
		return
	}
	ws, response := srv.accept(w, r, s, p.codec, 0, srv.cookie(s))
	if ws == nil {
		s.abortUnopened()
		return
	}
	s.mu.Lock()
	s.ws = ws
	ws.push(srv.openPacket.appendFrame(response, s.id))
	s.mu.Unlock()

	if !s.open(r) {
		s.abortUnopened()
		srv.figures.refused[causeLayer].Add(1)
		ws.closeUnused(response)
		return
	}
	s.mu.Lock()
	s.startLife()
	ws.writeQueue()
	s.mu.Unlock()
	// Another goroutine reads, so that net/http can free its buffers, the request and
	// the stack.
	ws.startReading()
}

// openPolling starts a session by polling. The response contains the open packet and what
// the layer above sends at once.
func (srv *Server) openPolling(w http.ResponseWriter, r *http.Request, p parameters) {
	s := srv.newSession(w, r, p)
	if s == nil {
		return
	}
	s.mu.Lock()
	s.polling = newPolling(s, r.Header.Get("Origin"))
	s.mu.Unlock()
	if !s.open(r) {
		s.abortUnopened()
		srv.refuseBecause(w, r, refuseBusy, causeLayer)
		return
	}
	s.mu.Lock()
	packets := append([]*Message{srv.openMessage(s)}, s.polling.take()...)
	s.startLife()
	s.mu.Unlock()
	s.endReading()

	if cookie := srv.cookie(s); cookie != "" {
		w.Header().Add("Set-Cookie", cookie)
	}
	if err := srv.writePackets(w, r, p.codec, packets...); err != nil {
		s.Abort(TransportError)
	}
}

func (srv *Server) openMessage(s *Session) *Message {
	return controlPacket(packetOpen, string(srv.openPacket.appendText(nil, s.id, srv.openPacket.polling)))
}

// open gets the Conn from the layer above. It reports false if there is none, or if the
// layer above panics.
func (s *Session) open(r *http.Request) bool {
	s.call(func() { s.conn = s.srv.open(s, r) })
	return s.conn != nil
}

// startLife starts the heartbeat, or the closing of a session that is closed already. s.mu
// is held.
func (s *Session) startLife() {
	s.countOpened()
	s.startHeartbeat()
	switch s.life {
	case opening:
		s.life = open
		s.arm()
	case closing: // the layer above has called Close
		s.startClosing()
	}
}

// abortUnopened ends a session that has no Conn.
func (s *Session) abortUnopened() {
	s.Abort(ForcedClose)
	s.srv.forget(s)
}

// cookie returns the value of Set-Cookie with the session's ID. It is empty without
// Options.Cookie.
func (srv *Server) cookie(s *Session) string {
	if srv.opts.Cookie == nil {
		return ""
	}
	cookie := *srv.opts.Cookie
	cookie.Value = s.id.String()
	return cookie.String()
}
