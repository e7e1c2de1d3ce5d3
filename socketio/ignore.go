package socketio

import (
	"log/slog"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

// longestReserved is at least the length of every reserved name.
const longestReserved = 32

// ignores handles an event that no handler and no log wants, and reports whether it has. It allocates nothing, for
// the same reason as receiveAck. It reports false if it cannot tell at a glance, and for a packet that may be malformed.
func (s *Socket) ignores(payload []byte) bool {
	name, ok := wirejson.FirstString(payload)
	if !ok || !s.ignoresName(name) || !wirejson.ValidPeerArray(payload, s.conn.server.opts.MaxDepth) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateAdmitted || s.renewing || s.intercepts(name) {
		return false
	}
	s.counts().received.Add(1)
	return true
}

// intercepts is interceptorOf for a name that must not be copied. The caller holds mu.
func (s *Socket) intercepts(name []byte) bool {
	for i := &s.interceptor; i != nil; i = i.rest {
		if i.by != nil && i.event == string(name) {
			return true
		}
	}
	return false
}

// ignoresName reports whether nothing happens if an event of that name reaches its handler.
func (s *Socket) ignoresName(name []byte) bool {
	if s.namespace == nil { // it was refused while the event was being read
		return false
	}
	opts, table := &s.conn.server.opts, s.namespace.table
	if !table.ignoresRest || table.routes[string(name)].handler != nil || opts.Observer != nil {
		return false
	}
	if len(name) > opts.MaxNameLength || len(name) <= longestReserved && packet.Reserved(string(name)) {
		return false
	}
	return !opts.Logger.Enabled(s.conn.ctx, slog.LevelDebug)
}
