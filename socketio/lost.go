package socketio

import (
	"container/list"
	"slices"
	"time"
)

// This file keeps the table of lost sessions.

// add keeps a lost session. It reports false if the server is closing. The caller holds the mu of
// the session's socket.
func (r *recovery) add(x *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	if x.recordedSession == nil { // otherwise it will soon be saved
		r.makeRoom(x.key)
	}
	x.lostAt, x.parted = time.Now(), false
	r.list(x)
	r.start()
	return true
}

// makeRoom forgets sessions so that one more with this key can be kept. The caller holds mu.
func (r *recovery) makeRoom(key string) {
	if of := r.byKey[key]; of != nil && of.Len() >= r.MaxSessionsPerKey {
		r.forget(of.Front().Value.(*session))
	}
	if len(r.lost) >= r.MaxSessions {
		r.forget(r.order.Front().Value.(*session))
	}
}

// beingSaved reports whether the session of a pid, which the socket with the session own may
// recover, is being saved by this node. The socket is then resumed when it has been saved.
func (r *recovery) beingSaved(pid pidHash, own *session, s *Socket) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.lost[pid]
	if x == nil || x.key != own.key || x.namespace != s.namespace || own.waited {
		return false
	}
	x.wake()
	x.waiter, own.waited = s, true
	return true
}

// find returns the lost session of a pid that the socket with the session own may recover. If OnDisconnect of the lost
// socket has not returned yet, waits is true, and the socket is resumed when it has.
func (r *recovery) find(pid pidHash, own *session, s *Socket) (x *session, waits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x = r.lost[pid]
	switch {
	case x == nil, x.key != own.key, x.namespace != s.namespace, r.over(x):
		return nil, false
	case x.parted:
		return x, false
	case own.waited: // a later connection of the peer waits now
		return nil, false
	}
	x.wake()
	x.waiter, own.waited = s, true
	return nil, true
}

func (r *recovery) over(x *session) bool { return time.Since(x.lostAt) >= r.Window }

// allows reports whether the deadline of the lost socket has not passed, and the check of the
// socket that wants to recover its session agrees.
func (r *recovery) allows(lost *session, check func(lost []byte) bool) bool {
	if lost.until != 0 && r.server.clock() >= lost.until {
		return false
	}
	r.mu.Lock()
	note := lost.note
	r.mu.Unlock()
	return check == nil || check(note)
}

// take removes a lost session that find has returned, so that only one socket gets it.
func (r *recovery) take(x *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost[x.pid] != x || !x.parted || r.over(x) {
		return false
	}
	r.remove(x)
	return true
}

// list adds a lost session to the tables. The caller holds mu.
func (r *recovery) list(x *session) {
	of := r.byKey[x.key]
	if of == nil {
		of = list.New()
		r.byKey[x.key] = of
	}
	x.place, x.ofKey = r.order.PushBack(x), of.PushBack(x)
	r.lost[x.pid] = x
}

// remove removes a lost session from the tables. The caller holds mu.
func (r *recovery) remove(x *session) {
	delete(r.lost, x.pid)
	r.order.Remove(x.place)
	of := r.byKey[x.key]
	if of.Remove(x.ofKey); of.Len() == 0 {
		delete(r.byKey, x.key)
	}
	x.place, x.ofKey = nil, nil
}

// forget forgets a lost session. The caller holds mu.
func (r *recovery) forget(x *session) {
	if r.lost[x.pid] != x {
		return
	}
	r.remove(x)
	x.values, x.note = nil, nil
	x.end()
	r.server.count(x.namespace, -1)
	r.server.release(x.namespace)
	x.wake()
}

// forgetSession forgets a session if it is lost.
func (r *recovery) forgetSession(x *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(x)
}

// parted says that OnDisconnect of the lost socket has returned. If describe panics, or its result
// does not fit into the budget, the session is forgotten.
func (r *recovery) parted(x *session, values []contextValue, describe func() []byte) {
	described := false
	defer func() {
		if !described {
			r.forgetSession(x)
		}
	}()
	var note []byte
	if describe != nil {
		note = describe()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost[x.pid] != x || !x.events.Keep(len(note)) {
		return
	}
	described = true
	x.values, x.note, x.parted = values, slices.Clip(note), true
	x.wake()
}
