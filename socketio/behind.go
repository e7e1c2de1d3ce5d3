package socketio

import "socketiojwt/engineio"

// With a Recorder, an event of Socket.Emit is sent when its place in the log is known. Packets for
// the socket that are sent meanwhile, such as acknowledgements, wait behind it, so that the peer
// receives them in the order of the calls.

// ownEmit is an event of Socket.Emit that is being recorded.
type ownEmit struct {
	socket  *Socket
	session *session
	plain   *engineio.Message // to be sent without an offset
	sent    bool              // guarded by the socket's mu
}

// waiting is a packet that waits to be sent, or an event that is being recorded.
type waiting struct {
	ready *engineio.Message
	own   *ownEmit
}

// size returns how many bytes the packet counts in the queue of its connection.
func (w *waiting) size() int64 {
	if w.own != nil {
		return int64(w.own.plain.Size())
	}
	return int64(w.ready.Size())
}

// mostBehind bounds the packets of a socket that wait for the log. Engine.MaxOutbound bounds the
// bytes of those of all sockets of a connection, with what the session has queued.
const mostBehind = 1024

// emitRecorded is Emit for a socket that can be recovered by the Recorder. It reports false if the
// event must be sent directly.
func (s *Socket) emitRecorded(m *engineio.Message, event string, args []any, b body) (err error, recorded bool) {
	link := s.conn.server.link.Load()
	if s.conn.server.recorder() == nil {
		return nil, false
	}
	now := s.look()
	s.mu.Lock()
	x := s.recorded()
	if x == nil || x.recordedSession == nil || x.key == "" || s.state != stateAdmitted || s.pastDeadline(now) {
		s.mu.Unlock()
		return nil, false
	}
	own := &ownEmit{socket: s, session: x, plain: b.plain(m, s.name)}
	if err = s.putBehind(x, waiting{own: own}); err != nil {
		s.mu.Unlock()
		return err, true
	}
	s.mu.Unlock()
	o := &outgoing{event: event, args: args, body: b}
	if err = s.namespace.Broadcast.target.record(link, o, Selector{Rooms: []string{x.id}}, own); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		own.sent = true // it will never be
		s.sendReady(x)
	}
	return err, true
}

// put queues a packet for the peer, behind those that wait. The caller holds mu.
func (s *Socket) put(m *engineio.Message) error {
	if x := s.session.Load(); x != nil && x.recordedSession != nil && len(x.behind) > 0 {
		return s.putBehind(x, waiting{ready: m})
	}
	return s.conn.session.Send(m)
}

// putShared is put for a packet of a broadcast. The caller holds mu.
func (s *Socket) putShared(m *engineio.Message) error {
	if x := s.session.Load(); x != nil && x.recordedSession != nil && len(x.behind) > 0 {
		return s.putBehind(x, waiting{ready: m})
	}
	return s.conn.session.SendShared(m)
}

// putBehind appends a packet to those that wait. The caller holds mu.
func (s *Socket) putBehind(x *session, w waiting) error {
	queued, size := s.conn.behind.Load(), w.size()
	if len(x.behind) >= mostBehind || queued > 0 && queued+size+int64(s.conn.session.Queued()) > int64(s.conn.server.recovery.maxBehind) {
		s.conn.session.Abort(ReasonSlowPeer) // as Session.Send does
		return ErrSlow
	}
	x.behind = append(x.behind, w)
	s.conn.behind.Add(size)
	return nil
}

// sendReady sends the packets that need not wait any more. The caller holds mu.
func (s *Socket) sendReady(x *session) {
	for len(x.behind) > 0 {
		next := x.behind[0]
		if next.own != nil && !next.own.sent {
			return
		}
		if next.ready != nil {
			_ = s.conn.session.Send(next.ready) // fails only if the session is closed, which ends the socket
		}
		s.conn.behind.Add(-next.size())
		x.behind[0] = waiting{}
		x.behind = x.behind[1:]
	}
	x.behind = nil
}

// dropBehind drops the packets that wait. The caller holds mu.
func (s *Socket) dropBehind(x *session) {
	for i := range x.behind {
		s.conn.behind.Add(-x.behind[i].size())
	}
	x.behind = nil
}

// sendBehind sends all that waits, without offsets, because the session cannot be recovered any
// more. The caller holds mu.
func (s *Socket) sendBehind() {
	x := s.session.Load()
	if x == nil || x.recordedSession == nil {
		return
	}
	defer s.dropBehind(x)
	for _, w := range x.behind {
		if w.own != nil && !w.own.sent {
			w.own.sent = true
			w.ready = w.own.plain
		}
		if w.ready != nil {
			_ = s.conn.session.Send(w.ready) // fails only if the session is closed, which ends the socket
		}
	}
}

// fail sends the event without an offset, because it was not recorded.
func (e *ownEmit) fail() {
	s := e.socket
	now := s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.sent || s.state != stateAdmitted || s.pastDeadline(now) {
		return
	}
	e.sent = true
	_ = s.conn.session.Send(e.plain) // fails only if the session is closed, which ends the socket
	s.sendReady(e.session)
}
