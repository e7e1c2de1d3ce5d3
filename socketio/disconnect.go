package socketio

import (
	"context"
	"slices"
	"time"

	"socketiojwt/engineio"
)

// A farewell returns the last packets that a socket sends, given the state it was in. It is
// called under the socket's lock.
type farewell func(was state) []*engineio.Message

// OnEnd makes f run once the socket has ended, from whatever state, on the goroutine that ended
// it. f must not block. OnEnd is cheaper than context.AfterFunc, for resources that every one
// of many sockets holds, such as a timer. If the socket has already ended, f runs at once.
// OnEnd may be called concurrently.
func (s *Socket) OnEnd(f func()) {
	s.mu.Lock()
	if s.state != stateClosed {
		s.onEnd = &atEnd{f, s.onEnd}
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	f()
}

// atEnd is a function of OnEnd, and the one before it.
type atEnd struct {
	f      func()
	before *atEnd
}

// runOnEnd runs what OnEnd was given, in the order in which it was added.
func (s *Socket) runOnEnd(last *atEnd) {
	var all []func()
	for ; last != nil; last = last.before {
		all = append(all, last.f)
	}
	for _, f := range slices.Backward(all) {
		s.guard(f, func() {})
	}
}

// tellInterceptors tells the Interceptors that the socket has ended, the first one first.
func (s *Socket) tellInterceptors(last *interceptor, cause *DisconnectError) {
	if last == nil || last.by == nil {
		return
	}
	s.tellInterceptors(last.rest, cause)
	s.guard(func() { last.by.Ended(cause) }, func() {})
}

// peerLeft ends the socket because its peer has left the namespace.
func (s *Socket) peerLeft() {
	s.conn.leave(s) // the peer may join again at once
	s.endAfterInbox(ReasonClient)
}

// endAfterInbox ends the socket once the events received before are handled, or after drainTimeout.
// Until then nothing more is sent to it, and no listing contains it.
func (s *Socket) endAfterInbox(reason Reason) {
	now := s.look()
	s.mu.Lock()
	busy := s.state == stateAdmitted && s.working
	switch {
	case busy:
		s.failAcks() // a handler may be waiting for one
		s.become(stateEnding)
		s.conn.uncount()
		s.inbox.add(&task{step: func() { s.end(reason, nil, nil) }})
		s.ending = &ending{
			timer: time.AfterFunc(drainTimeout, func() { s.end(reason, nil, nil) }),
			rooms: s.delist(reason, now), // under the lock, like enter in admit
		}
	case s.state == stateEnding: // its peer left before the transport was lost
		busy = true
	}
	s.mu.Unlock()
	if !busy {
		s.end(reason, nil, nil)
	}
}

// end ends the socket at once, whatever its state. It reports whether the socket had not ended
// before.
func (s *Socket) end(reason Reason, cause error, f farewell) bool {
	return s.endFrom(stateEnding, reason, cause, nil, f)
}

// endFrom ends the socket if its state is no later than last. The socket sends and handles
// nothing more and leaves every room, its context is cancelled, and the functions of
// OnDisconnect run on its worker. The packets of the farewell are the last that it sends. Count,
// which may be nil, runs before the peer is told. The caller of count holds mu.
func (s *Socket) endFrom(last state, reason Reason, cause error, count func(), f farewell) bool {
	now := s.look()
	s.mu.Lock()
	was := s.state
	if was > last {
		s.mu.Unlock()
		return false
	}
	s.become(stateClosed)
	s.conn.forgetSocket(s, was) // before the peer is told, because it may send CONNECT again at once
	if count != nil {
		count()
	}
	if was == stateAdmitted && !s.conn.server.keepsAfter(reason) && !s.pastDeadline(now) {
		s.sendBehind()
	}
	if f != nil && was != stateEnding {
		for _, m := range f(was) {
			_ = s.conn.session.Send(m) // fails only if the session is closed, and then the peer is gone
		}
	}
	s.conn.ledger().event(-s.inboxBytes)
	s.inbox, s.inboxBytes = inbox{}, 0
	s.failAcks()
	s.releaseEarly()
	s.giveBackHandshake()
	var rooms []string
	switch was {
	case stateAdmitted:
		rooms = s.delist(reason, now)
	case stateEnding:
		s.ending.timer.Stop()
		rooms, s.ending = s.ending.rooms, nil
		if !s.conn.server.keepsAfter(reason) {
			s.forgetSession()
		}
	}
	s.clearDeadline()
	observed := s.takeObserved(resultOf(reason))
	ctx, life, interceptors, onEnd := s.ctx, s.life, s.interceptor, s.onEnd
	s.onEnd = nil
	s.mu.Unlock()

	ended := &DisconnectError{Reason: reason, Err: cause}
	life.end(ended)
	observed.end()
	if was >= stateAdmitted {
		s.conn.server.figures.disconnects.Add(reason)
		s.logEnd(ctx, reason, cause)
	}
	s.tellInterceptors(&interceptors, ended)
	s.runOnEnd(onEnd)
	s.mu.Lock()
	if was >= stateAdmitted {
		s.post(&task{step: func() { s.runOnDisconnect(context.WithoutCancel(ctx), reason, rooms) }})
	}
	joined := s.namespace
	s.mu.Unlock()
	if was < stateAdmitted {
		s.conn.server.release(joined)
	}
	if was == stateConnecting {
		s.conn.begin()
	}
	return true
}

// runOnDisconnect runs the functions of OnDisconnecting and OnDisconnect, on the worker.
func (s *Socket) runOnDisconnect(ctx context.Context, reason Reason, rooms []string) {
	defer s.conn.forgetDisconnecting(s)
	defer s.releaseNamespace()
	if len(s.namespace.table.onConnect) > 0 && !s.greeted { // it ended before OnConnect began
		return
	}
	for _, f := range s.namespace.table.onDisconnecting {
		s.guard(func() { f(ctx, s, reason, rooms) }, func() {})
	}
	for _, f := range s.namespace.table.onDisconnect {
		s.guard(func() { f(ctx, s, reason) }, func() {})
	}
}
