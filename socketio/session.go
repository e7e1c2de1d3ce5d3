package socketio

import (
	"container/list"
	"strconv"
	"time"

	"socketiojwt/socketio/internal/replay"
)

// session is what remains of a socket when its connection is lost: see Options.Recovery. The next
// socket takes it over.
type session struct {
	id string // of its sockets
	// describe and check are of Socket.SetRecoveryCheck, or nil; guarded as key is.
	describe func() []byte
	check    func(lost []byte) bool
	key      string // guarded by the socket's mu, and constant while the session is lost
	until    int64  // deadline of the lost socket by wallclock.Nanos, 0 for none; constant while the session is lost

	// These are set when the first socket is admitted. Either events or trail is set.
	pid              pidHash
	namespace        *Namespace
	events           *replay.Session
	*recordedSession // with a Recorder

	assigned map[string]struct{} // rooms of Assign; guarded by the lock of the listing

	// These are guarded by recovery.mu, and are used only while the session is lost.
	lostAt time.Time
	place  *list.Element // in recovery.order
	ofKey  *list.Element // in recovery.byKey
	parted bool          // OnDisconnect has returned
	values []contextValue
	note   []byte  // the result of describe
	waiter *Socket // is admitted when parted is set

	waited bool // the socket waited for a lost session; only for its worker

	kept bool // the namespace is released with the session, and not with the socket; guarded by the socket's mu
}

// SetRecoveryKey says for whom the socket is, so that its session can be recovered by a socket
// with the same key: see Options.Recovery. The key must name one user without ambiguity, and must
// not come from the peer unless it was verified. Connect middleware sets it. If several do, all
// of their keys must be the same for the new socket. Without a key, the session cannot be
// recovered. The same is true for a socket that was held, and for a client of Engine.IO 3.
//
// An empty key removes the key. After the socket is admitted, only an empty key has an effect: the
// session cannot be recovered from then on. SetRecoveryKey does nothing without Options.Recovery.
// It may be called concurrently.
func (s *Socket) SetRecoveryKey(key string) {
	if s.conn.server.recovery == nil || s.conn.legacy() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch x := s.session.Load(); {
	case s.state == stateConnecting && key == "":
		s.session.Store(nil)
	case s.state == stateConnecting:
		next := &session{id: s.id, key: strconv.Itoa(len(key)) + ":" + key}
		if x != nil {
			next.key, next.describe, next.check = x.key+next.key, x.describe, x.check
		}
		s.session.Store(next)
	case key == "" && s.state == stateAdmitted:
		s.endSession()
	}
}

// SetRecoveryCheck lets a program decide whether a session may still be recovered. When the
// connection of the socket is lost, describe returns what the program must know about it then. It
// runs once, after OnDisconnect has returned. Its result is kept with the session and counts
// towards Recovery.MaxBytes; describe and what it refers to are not kept.
//
// Check is asked when this socket is about to recover the session of a lost socket with the same
// key, with the result of that socket's describe, which is nil if it had none. If check returns
// false, the session is forgotten, and the client gets a new socket. Check runs after all
// middleware has admitted this socket and after Recovery.RestoreRoom, on the worker of this
// socket. Nil means that the session may be recovered.
//
// The functions replace those of an earlier call. SetRecoveryCheck does nothing if SetRecoveryKey
// was not called before, and after the end of the socket. It may be called concurrently.
func (s *Socket) SetRecoveryCheck(describe func() []byte, check func(lost []byte) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.session.Load(); x != nil && s.state <= stateAdmitted {
		x.describe, x.check = describe, check
	}
}

// endSession makes the session of an admitted socket unrecoverable. The caller holds mu.
func (s *Socket) endSession() {
	if x := s.recorded(); x != nil {
		s.sendBehind()
		x.key = ""
		x.end()
	}
}

// Recovered reports whether the socket continues the session of a lost one: see
// Options.Recovery. It is known when the socket is admitted, so OnConnect can rely on it. It may
// be called concurrently.
func (s *Socket) Recovered() bool {
	x := s.session.Load()
	return x != nil && x.id != s.id
}

// recorded returns the session whose events are recorded, or nil. The caller holds mu, or the
// lock of the listing.
func (s *Socket) recorded() *session {
	if x := s.session.Load(); x != nil && x.begun() {
		return x
	}
	return nil
}

// begun reports whether the first socket of the session is listed.
func (x *session) begun() bool { return x.events != nil || x.recordedSession != nil }

// end forgets what is kept of the session's events.
func (x *session) end() {
	if x.events != nil {
		x.events.End()
	}
}

// beginSession begins the session of a socket that is being listed. The caller holds the lock of
// the listing.
func (s *Socket) beginSession() {
	x := s.session.Load()
	if x == nil {
		return
	}
	r := s.conn.server.recovery
	x.namespace = s.namespace
	if rec := s.conn.server.recorder(); rec != nil {
		x.recordedSession = s.namespace.local.begin(x.id, rec)
	} else {
		x.events = s.namespace.local.events.Begin(x.id, r.MaxSessionBytes)
	}
	for room := range s.rooms {
		x.assign([]string{room})
	}
}

// assign records rooms of Assign. The caller holds the lock of the listing.
func (x *session) assign(rooms []string) {
	for _, room := range rooms {
		if x.assigned == nil {
			x.assigned = make(map[string]struct{}, len(rooms))
		}
		x.assigned[room] = struct{}{}
	}
}

// moved records that the socket joins or leaves a room. The caller holds the lock of the listing.
func (s *Socket) moved(room string, joined bool) {
	x := s.recorded()
	switch {
	case x == nil:
	case x.recordedSession != nil:
		l := s.namespace.local
		x.trail.Changed(l.place(s.conn.server.recorder()), room, joined)
	case joined:
		x.events.Joined(room)
	default:
		x.events.Left(room)
	}
}

// prune forgets events of the session that are too old.
func (s *Socket) prune(age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.recorded(); x != nil && x.events != nil && s.state == stateAdmitted {
		x.events.Prune(age)
	}
}

// recoverable reports whether a session can be recovered after a reason: the connection was lost,
// and neither side has ended it.
func recoverable(reason Reason) bool {
	switch reason {
	case ReasonTransportClose, ReasonTransportError, ReasonPingTimeout, ReasonSlowPeer:
		return true
	}
	return false
}

// keepsAfter reports whether sessions are kept that end for a reason. With a Recorder, other nodes
// recover those of a server that shuts down.
func (srv *Server) keepsAfter(reason Reason) bool {
	if srv.recorder() != nil {
		return recoverable(reason) || reason == ReasonShutdown
	}
	return recoverable(reason) && !srv.closing.Load()
}

// delist removes the socket from the listing and returns its rooms. If its session can be
// recovered, it is kept. It cannot while OnConnect is running, because what that still does and
// sends does not become part of the session. The caller holds mu, and passes the result of look.
func (s *Socket) delist(reason Reason, now int64) []string {
	x := s.recorded()
	keeps := x != nil && x.key != "" && !s.isOpening() && s.conn.server.keepsAfter(reason) && !s.pastDeadline(now)
	rooms, kept := s.namespace.local.forget(s, keeps)
	if x == nil {
		return rooms
	}
	if x.recordedSession != nil {
		s.dropBehind(x)
	}
	x.until = s.until.Load()
	x.kept = kept && s.conn.server.recovery.add(x)
	if !x.kept {
		x.end()
	}
	return rooms
}

// isOpening reports whether OnConnect has not returned yet, or has failed. The caller holds mu.
func (s *Socket) isOpening() bool { return s.arrival != nil && s.arrival.opening }

// forgetSession forgets the session of a socket that has lost its connection, and is then ended
// for another reason. The caller holds mu.
func (s *Socket) forgetSession() {
	if x := s.session.Load(); x != nil && x.kept {
		s.conn.server.recovery.forgetSession(x)
	}
}

// releaseNamespace ends the socket's use of its namespace. OnDisconnect has returned.
func (s *Socket) releaseNamespace() {
	srv := s.conn.server
	s.mu.Lock()
	x, values := s.session.Load(), s.values
	kept := x != nil && x.kept
	var describe func() []byte
	if kept {
		describe = x.describe
		x.describe, x.check = nil, nil
	}
	s.mu.Unlock()
	switch {
	case kept && x.recordedSession != nil:
		s.guard(func() { srv.recovery.save(s, x, describe) }, func() {})
		return
	case kept:
		s.guard(func() { srv.recovery.parted(x, values, describe) }, func() {})
		return
	}
	srv.count(s.namespace, -1)
	srv.release(s.namespace)
}

// wake resumes the socket that waits for the session.
func (x *session) wake() {
	if s := x.waiter; s != nil {
		x.waiter = nil
		go func() { // because the caller holds locks that are taken after the socket's
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.state == stateConnecting {
				s.post(&task{step: s.admit})
			}
		}()
	}
}
