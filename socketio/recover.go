package socketio

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"

	"socketiojwt/engineio"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/replay"
)

// This file admits sockets that may continue a lost session.

// found is a lost session that a socket may recover.
type found struct {
	session *session
	pid     string
	was     map[string]bool // rooms of the lost socket
	rooms   []string        // those that the socket joins again
	plan    *replay.Plan

	restoring *restoring // with a Recorder, instead of session and plan
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
	if srv.recorder() != nil {
		if waits = srv.recovery.beingSaved(sha256.Sum256([]byte(f.pid)), x, s); waits || !s.findSaved(f, x, offset) {
			return nil, waits
		}
		return f, false
	}
	if f.session, waits = srv.recovery.find(sha256.Sum256([]byte(f.pid)), x, s); f.session == nil {
		return nil, waits
	}
	var ok bool
	if f.plan, ok = f.session.events.Plan(offset); !ok || f.plan.Size > srv.recovery.maxReplay || !s.restorable(f, f.session.events.Rooms(), slices.Collect(maps.Keys(f.session.assigned))) {
		return nil, false
	}
	s.mu.Lock()
	check := x.check
	s.mu.Unlock()
	if !srv.recovery.allows(f.session, check) {
		srv.recovery.forgetSession(f.session)
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

// restorable reports whether the socket may be in all rooms of the lost one, some of which were
// assigned to that. It notes the rooms that the socket joins again.
func (s *Socket) restorable(f *found, rooms, assigned []string) bool {
	srv, l := s.conn.server, s.namespace.local
	l.mu.RLock()
	has := make(map[string]bool, len(s.rooms))
	for room := range s.rooms {
		has[room] = true
	}
	l.mu.RUnlock()
	f.was = make(map[string]bool)
	for _, room := range rooms {
		f.was[room] = true
		if has[room] {
			continue
		}
		if slices.Contains(assigned, room) || srv.recovery.RestoreRoom == nil || !srv.recovery.RestoreRoom(s, room) {
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
	switch {
	case f == nil:
	case f.restoring != nil:
		if missed, ok := s.continueSaved(f, x); ok {
			return append(missed, s.connected(f.pid))
		}
	case s.recover(f, x):
		return append(f.plan.Missed, s.connected(f.pid))
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	pid := base64.RawURLEncoding.EncodeToString(random[:])
	x.setPID(pid)
	l.add(s)
	if x.recordedSession != nil {
		x.text = pid
	}
	return []*engineio.Message{s.connected(pid)}
}

func (x *session) setPID(pid string) { x.pid = sha256.Sum256([]byte(pid)) }

// recover makes the socket continue a lost session, and lists it. It reports false if the session
// cannot be recovered any more.
func (s *Socket) recover(f *found, x *session) bool {
	srv, lost := s.conn.server, f.session
	if lost.key != x.key || !srv.recovery.take(lost) {
		return false
	}
	values := lost.values
	lost.values, lost.note, lost.kept = nil, nil, false
	lost.describe, lost.check = x.describe, x.check
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
	f.plan.CatchUp() // the lock is held only for what is recorded from now on
	l.mu.Lock()
	defer l.mu.Unlock()
	if !f.plan.Resume() {
		return false
	}
	s.session.Store(f.session)
	f.session.takeRooms(s, f, f.session.events.Joined)
	l.list(s)
	return true
}

// takeRooms gives the socket the rooms that it joins again, and calls joined for those that the
// lost socket was not in. The caller holds the lock of the listing.
func (x *session) takeRooms(s *Socket, f *found, joined func(room string)) {
	x.assigned = nil
	for room := range s.rooms {
		x.assign([]string{room})
		if !f.was[room] {
			joined(room)
		}
	}
	for _, room := range f.rooms {
		if s.rooms == nil {
			s.rooms = make(places, len(f.rooms))
		}
		s.rooms[room] = 0
	}
}
