package socketio

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/replay"
)

// session is what remains of a socket when its connection is lost: see Options.Recovery. The next
// socket takes it over.
type session struct {
	id string // of its sockets
	// check may forbid that the session is recovered; see Socket.SetRecoveryCheck. It is nil, or
	// guarded as key is.
	check func() bool
	key   string // guarded by the socket's mu, and constant while the session is lost

	// These are set when the first socket is admitted.
	pid       pidHash
	namespace *Namespace
	events    *replay.Session

	assigned map[string]struct{} // rooms of Assign; guarded by the lock of the listing

	// These are guarded by recovery.mu, and are used only while the session is lost.
	lostAt time.Time
	place  *list.Element // in recovery.order
	parted bool          // OnDisconnect has returned
	values []contextValue
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
			next.key, next.check = x.key+next.key, x.check
		}
		s.session.Store(next)
	case key == "" && s.state == stateAdmitted:
		s.endSession()
	}
}

// SetRecoveryCheck sets a function that is asked when a socket with the same key wants to recover
// the session of this one, after the connection was lost. If it returns false, the session is not
// recovered, and the client gets a new socket. It runs after all middleware has admitted the new
// socket, on the worker of that socket, and replaces the function set before. It should not refer to
// this socket, which would stay in memory. SetRecoveryCheck does nothing if SetRecoveryKey was not
// called before, and after the end of the socket. It may be called concurrently.
func (s *Socket) SetRecoveryCheck(check func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.session.Load(); x != nil && s.state <= stateAdmitted {
		x.check = check
	}
}

// endSession makes the session of an admitted socket unrecoverable. The caller holds mu.
func (s *Socket) endSession() {
	if x := s.recorded(); x != nil {
		x.key = ""
		x.events.End()
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
	if x := s.session.Load(); x != nil && x.events != nil {
		return x
	}
	return nil
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
	x.events = s.namespace.local.events.Begin(x.id, r.MaxSessionBytes)
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
	if x := s.recorded(); x != nil && s.state == stateAdmitted {
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

// delist removes the socket from the listing and returns its rooms. If its session can be
// recovered, it is kept. The caller holds mu, and passes the result of look.
func (s *Socket) delist(reason Reason, now int64) []string {
	x := s.recorded()
	keeps := x != nil && x.key != "" && recoverable(reason) && !s.pastDeadline(now) && !s.conn.server.closing.Load()
	rooms, kept := s.namespace.local.forget(s, keeps)
	if x == nil {
		return rooms
	}
	x.kept = kept && s.conn.server.recovery.add(x)
	if !x.kept {
		x.events.End()
	}
	return rooms
}

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
	s.mu.Unlock()
	if kept {
		srv.recovery.parted(x, values)
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
				s.post(task{step: s.admit})
			}
		}()
	}
}

// found is a lost session that a socket may recover.
type found struct {
	session *session
	pid     string
	was     map[string]bool // rooms of the lost socket
	rooms   []string        // those that the socket joins again
	plan    *replay.Plan
}

// findLost returns the lost session that the peer wants to recover, or nil if it cannot. All
// middleware has admitted the socket. If waits is true, admit is called again later.
func (s *Socket) findLost() (f *found, waits bool) {
	srv := s.conn.server
	x := s.session.Load()
	if x == nil || !s.isConnecting() {
		return nil, false
	}
	f = new(found)
	var offset string
	if f.pid, offset = recoveryOf(s.Handshake().Auth); f.pid == "" {
		return nil, false
	}
	if f.session, waits = srv.recovery.find(sha256.Sum256([]byte(f.pid)), x, s); f.session == nil {
		return nil, waits
	}
	if check := srv.recovery.checkOf(f.session); check != nil && !check() {
		srv.recovery.forgetSession(f.session)
		return nil, false
	}
	var ok bool
	if f.plan, ok = f.session.events.Plan(offset); !ok || f.plan.Size > srv.recovery.maxReplay || !s.restorable(f) {
		return nil, false
	}
	return f, false
}

// recoveryOf returns the pid and the offset in the auth payload of a CONNECT.
func recoveryOf(auth json.RawMessage) (pid, offset string) {
	var members map[string]json.RawMessage
	if len(auth) == 0 || wirejson.UnmarshalPeer(auth, nil, &members) != nil || members["pid"] == nil {
		return "", ""
	}
	if wirejson.UnmarshalPeer(members["pid"], nil, &pid) != nil {
		return "", ""
	}
	if o := members["offset"]; o != nil && wirejson.UnmarshalPeer(o, nil, &offset) != nil {
		return "", ""
	}
	return pid, offset
}

// restorable reports whether the socket may be in all rooms of the lost one. It notes the rooms
// that the socket joins again.
func (s *Socket) restorable(f *found) bool {
	srv, l := s.conn.server, s.namespace.local
	l.mu.RLock()
	has := make(map[string]bool, len(s.rooms))
	for room := range s.rooms {
		has[room] = true
	}
	l.mu.RUnlock()
	f.was = make(map[string]bool)
	for _, room := range f.session.events.Rooms() {
		f.was[room] = true
		if has[room] {
			continue
		}
		if _, assigned := f.session.assigned[room]; assigned || srv.recovery.RestoreRoom == nil || !srv.recovery.RestoreRoom(s, room) {
			return false
		}
		f.rooms = append(f.rooms, room)
	}
	return len(has)+len(f.rooms) <= 2*srv.opts.MaxRooms
}

// enter lists a socket that is being admitted, and returns the packets to send: the missed events
// and the answer to CONNECT, if it is to be answered. The caller holds mu.
func (s *Socket) enter(f *found, answer bool) []*engineio.Message {
	x, l := s.session.Load(), s.namespace.local
	if !answer || x == nil {
		s.session.Store(nil) // CONNECT was answered without a pid
		l.add(s)
		if !answer {
			return nil
		}
		return []*engineio.Message{s.connected("")}
	}
	if f != nil && s.recover(f, x) {
		return append(f.plan.Missed, s.connected(f.pid))
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	pid := base64.RawURLEncoding.EncodeToString(random[:])
	x.pid = sha256.Sum256([]byte(pid))
	l.add(s)
	return []*engineio.Message{s.connected(pid)}
}

// recover makes the socket continue a lost session, and lists it. It reports false if the session
// cannot be recovered any more.
func (s *Socket) recover(f *found, x *session) bool {
	srv, lost := s.conn.server, f.session
	if lost.key != x.key || !srv.recovery.take(lost) {
		return false
	}
	values := lost.values
	lost.values, lost.kept, lost.check = nil, false, x.check
	resumed := s.namespace.local.resume(s, f)
	if !resumed {
		lost.events.End()
	} else {
		for _, v := range values {
			if !slices.ContainsFunc(s.values, func(own contextValue) bool { return own.key == v.key }) {
				s.values = append(s.values, v)
			}
		}
	}
	srv.count(s.namespace, -1) // of the lost session
	srv.release(s.namespace)
	return resumed
}

// resume lists a socket as the one of a lost session.
func (l *listing) resume(s *Socket, f *found) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !f.plan.Resume() {
		return false
	}
	s.session.Store(f.session)
	f.session.takeRooms(s, f)
	l.list(s)
	return true
}

// takeRooms gives the socket the rooms that it joins again, and records those that the lost socket
// was not in. The caller holds the lock of the listing.
func (x *session) takeRooms(s *Socket, f *found) {
	x.assigned = nil
	for room := range s.rooms {
		x.assign([]string{room})
		if !f.was[room] {
			x.events.Joined(room)
		}
	}
	for _, room := range f.rooms {
		if s.rooms == nil {
			s.rooms = make(map[string]struct{}, len(f.rooms))
		}
		s.rooms[room] = struct{}{}
	}
}
