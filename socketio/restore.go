package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/replay"
)

// This file lets sockets continue sessions that a Recorder has kept.

// restorePatience bounds how long a socket waits for its session, and for what its peer has missed.
const restorePatience = 15 * time.Second

// restoring is a saved session that a socket may continue.
type restoring struct {
	saved  SavedSession
	found  time.Time // when its Window was read
	state  *savedState
	from   replay.ID // the peer has received all events for it up to here
	missed *missed
	taken  bool
	sent   replay.ID // the last event that is sent again, or zero
	log    string    // Recorder.Log when missed was read
}

// findSaved looks for the saved session of a pid. It reads what the peer has missed, and takes the
// session when nothing else forbids to recover it. It runs on the worker, and waits for the
// Recorder.
func (s *Socket) findSaved(f *found, x *session, offset string) bool {
	srv := s.conn.server
	ctx, cancel := context.WithTimeout(s.Context(), restorePatience)
	defer cancel()
	r := &restoring{missed: &missed{listing: s.namespace.local}}
	f.restoring = r
	err := guarded(func() error { return s.prepare(ctx, f, x, offset) })
	if err == nil {
		return true
	}
	r.missed.close()
	if !errors.Is(err, ErrNoSession) && ctx.Err() == nil {
		s.logSampled(ctx, slog.LevelInfo, "not recovered", "socketio: session not recovered", "error", err)
	}
	srv.putBack(f)
	return false
}

// guarded calls f and returns a panic of the bus or of the program as an error.
func guarded(f func() error) (err error) {
	defer caught(&err)
	return f()
}

var (
	errForeignSession = errors.New("socketio: the session is of another user or namespace")
	errUnboundSession = errors.New("socketio: the session is not bound to a user; see Recovery.Unbound")
	errOffset         = errors.New("socketio: it is not known what the peer has received")
	errRooms          = errors.New("socketio: the socket may not be in the rooms of the session")
	errNotAllowed     = errors.New("socketio: the deadline of the session has passed, or the check of Socket.SetRecoveryCheck forbids to recover it")
	errTooMuch        = errors.New("socketio: the peer has missed too much")
)

// prepare does the work of findSaved.
func (s *Socket) prepare(ctx context.Context, f *found, x *session, offset string) (err error) {
	srv, r := s.conn.server, f.restoring
	rec := srv.recorder()
	r.found = time.Now()
	if r.saved, err = rec.FindSession(ctx, f.pid); err != nil {
		return err
	}
	if r.state, err = srv.recovery.stateOf(&r.saved, x, s.name); err != nil {
		return err
	}
	s.mu.Lock()
	key, check := x.key, x.check
	s.mu.Unlock()
	var ok bool
	switch r.from, ok = r.state.Trail.From(offset); {
	case r.state.Key != key || r.state.Namespace != s.name:
		return errForeignSession
	case !ok:
		return errOffset
	case !s.restorable(f, r.state.Trail.Rooms, r.state.Assigned):
		return errRooms
	}
	if len(r.saved.Sealed) == 0 { // nothing else is known of what the peer has received
		t := r.state.Trail
		t.Start, t.Sent, t.Gap = r.from, r.from, replay.ID{}
		r.missed.unbound = true
	}
	r.log = rec.Log(s.name)
	r.missed.trail, r.missed.from = r.state.Trail, r.from
	if err = r.missed.read(ctx, rec); err != nil {
		return err
	}
	if r.state.Until != 0 && srv.clock() >= r.state.Until || check != nil && !check(r.state.Note) {
		err = rec.TakeSession(ctx, r.saved, "") // no socket may recover it any more
		return errors.Join(errNotAllowed, err)
	}
	if err = rec.TakeSession(ctx, r.saved, r.state.Epoch); err != nil {
		return err
	}
	r.taken = true
	r.missed.catchUpWithTail()
	return nil
}

// stateOf returns the state of a saved session.
func (r *recovery) stateOf(saved *SavedSession, x *session, namespace string) (*savedState, error) {
	if len(saved.Sealed) > 0 {
		return r.sealer.open(saved.PID, saved.Sealed)
	}
	if !r.Unbound {
		return nil, errUnboundSession
	}
	if !unboundID(saved.ID) {
		return nil, errMessage
	}
	t := &replay.Trail{Socket: saved.ID, Sent: replay.ID{Time: 1<<64 - 1}}
	for _, room := range saved.Rooms {
		if room != saved.ID && len(room) <= r.server.opts.MaxNameLength {
			t.Rooms = append(t.Rooms, room)
		}
	}
	slices.Sort(t.Rooms)
	// What such a session received is known only by its offset: an empty one must not be taken
	// for the start of the log.
	t.Gap = replay.ID{Seq: 1}
	return &savedState{Key: x.key, Namespace: namespace, Trail: t, Data: saved.Data}, nil
}

// unboundID reports whether text may be the id of a socket of the Node server.
func unboundID(text string) bool {
	for _, c := range []byte(text) {
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '_') {
			return false
		}
	}
	return len(text) == 20
}

// putBack saves a session again that was taken and is not continued, for the rest of its Window.
// Its peer may come again.
func (srv *Server) putBack(f *found) {
	if f == nil || f.restoring == nil {
		return
	}
	f.restoring.missed.close()
	if f.restoring.taken {
		f.restoring.taken = false
		saved := f.restoring.saved
		if saved.Window -= time.Since(f.restoring.found); saved.Window >= time.Millisecond {
			_ = srv.recovery.saveSessions([]SavedSession{saved}, nil)
		}
	}
}

// continueSaved makes the socket continue a saved session, and lists it. It returns the missed
// events. It reports false if that is not possible any more. The caller holds mu.
func (s *Socket) continueSaved(f *found, x *session) (missed []*engineio.Message, ok bool) {
	r, l := f.restoring, s.namespace.local
	if r.state.Key != x.key {
		return nil, false // the session stays kept for its user
	}
	t := r.state.Trail
	next := &session{id: t.Socket, key: x.key, describe: x.describe, check: x.check, namespace: s.namespace}
	next.setPID(f.pid)
	r.missed.catchUpWithTail() // with what was sent since prepare
	l.mu.Lock()
	if l.byID[t.Socket] == nil {
		missed, r.sent, ok = r.missed.all()
	}
	if ok {
		t.Resume(r.from, r.sent)
		rec := s.conn.server.recorder()
		next.recordedSession = &recordedSession{trail: t, text: f.pid, gaps: l.shared.gaps, log: r.log}
		s.session.Store(next)
		next.takeRooms(s, f, func(room string) { t.Changed(l.place(rec), room, true) })
		l.list(s)
	}
	l.mu.Unlock()
	r.missed.close()
	r.taken = false
	if ok {
		s.restoreValues(r.state.Data)
	}
	return missed, ok
}

// restoredKey is the key of a value of a shared key that came with a saved session. The value is
// JSON until Key.Value is called.
type restoredKey string

func (k restoredKey) sharedName() string { return string(k) }

// restoreValues gives the socket the values of shared keys that it does not have yet. The caller
// holds mu.
func (s *Socket) restoreValues(data json.RawMessage) {
	var members map[string]json.RawMessage
	if len(data) == 0 || wirejson.UnmarshalPeer(data, nil, &members) != nil {
		return
	}
	for name, value := range members {
		if !slices.ContainsFunc(s.values, func(own contextValue) bool {
			k, ok := own.key.(interface{ sharedName() string })
			return ok && k.sharedName() == name
		}) {
			s.values = append(s.values, contextValue{restoredKey(name), value})
		}
	}
}
