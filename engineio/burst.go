package engineio

import (
	"time"

	"socketiojwt/internal/turns"
)

// A write to a connection costs much more than a message in it. So senders do not write to a
// session that was written to a moment ago, and not to most sessions of a large broadcast. They
// queue their messages, and a flusher writes all that a session has queued at once
// (docs/adr/0066-bursts.md).

const (
	// pause is how long after a write messages are queued for a flusher.
	pause = tick(8)
	// maxDirect bounds the messages of broadcasts that are written by their senders in the time
	// of a pause.
	maxDirect = 32
	// senderTurn is how long senders may keep others from the processors. It is longer than the
	// turn of a flusher, because what is sent meanwhile is written together.
	senderTurn = time.Millisecond
	// rested is the time without a call of Yield after which the next one begins a turn.
	rested = 20 * time.Millisecond
)

// tick is a time of the server's clock, in units of about 131 us. It wraps around after a few
// days, which at worst leaves one message to a flusher.
type tick uint32

// tick returns the time. It is not zero when the server begins.
func (srv *Server) tick() tick { return tick(srv.now()>>17) + 1 }

// recent reports whether the session was written to a moment ago, and the peer has sent nothing
// since then.
func (ws *webSocket) recent(now tick) bool {
	return ws.touched != 0 && now-ws.touched < ws.session.srv.pause
}

// leave leaves the queue to a flusher, and reports whether it did. Otherwise a message of that
// size must be written now. The candidate of an upgrade is not left to one, because it is not the
// session's transport yet. The session's mutex is held.
func (ws *webSocket) leave(now tick, size int, shared bool) bool {
	s := ws.session
	switch {
	case ws.state != writerIdle, ws != s.ws, size > maxBatch:
		return false
	case ws.recent(now), shared && !s.srv.direct(now):
		ws.leaveQueue(shared)
		return true
	}
	return false
}

// leaveQueue leaves the queue to a flusher. Shared says that all of it is of broadcasts. The session's
// mutex is held.
func (ws *webSocket) leaveQueue(shared bool) {
	s := ws.session
	ws.state = writerQueued
	s.srv.flushers[int(s.id[0])%len(s.srv.flushers)].add(s, shared)
}

// direct reports whether one more message of a broadcast may be written by its sender. It may be
// called concurrently.
func (srv *Server) direct(now tick) bool {
	window := uint64(now / srv.pause)
	for {
		old := srv.directs.Load()
		next := old + 1
		switch {
		case old>>32 != window:
			next = window<<32 | 1
		case uint32(old) >= maxDirect:
			return false
		}
		if srv.directs.CompareAndSwap(old, next) {
			return true
		}
	}
}

// writeQueued writes what is left to a flusher.
func (s *Session) writeQueued() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ws != nil && s.ws.state == writerQueued {
		s.ws.writeQueue()
	}
}

// dropQueued drops what is left to a flusher. The session's mutex is held.
func (ws *webSocket) dropQueued() {
	if ws.state == writerQueued {
		ws.state = writerIdle
		ws.drop()
	}
}

// Yield lets others run if senders have kept them from the processors for a millisecond: flushers, and the
// goroutines that wait for the network. A goroutine that sends to many sessions should call it from
// time to time, without holding a lock. It may be called concurrently.
func (srv *Server) Yield() {
	// The network is not looked at before all that are busy have ended their turns.
	if srv.yielding.Load() == 0 && !srv.turnEnds() {
		return
	}
	srv.yielding.Add(1)
	turns.Pass()
	srv.yielding.Add(-1)
	srv.turnBegan.Store(int64(srv.now()))
}

// turnEnds reports whether the turn of the senders has lasted long enough. The caller then ends it.
func (srv *Server) turnEnds() bool {
	now := srv.now()
	began := srv.turnBegan.Load()
	since := now - time.Duration(began)
	return since >= senderTurn && srv.turnBegan.CompareAndSwap(began, int64(now)) && since <= rested
}
