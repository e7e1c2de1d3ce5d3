package engineio

import "time"

// beat is what the heartbeat of a session waits for. In revision 4 (Engine.IO
// protocol 4, "Heartbeat") the server pings and the peer answers; in revision 3
// (Engine.IO protocol 3, "Timeouts") the peer pings and the server answers.
type beat uint8

const (
	untilPing  beat = iota // of the server
	untilHeard             // a pong of the peer, or its ping
)

// startBeat begins the heartbeat, or begins its next round. s.mu is held.
func (s *Session) startBeat() {
	s.beat, s.beatDue = untilPing, s.srv.now()+s.srv.opts.PingInterval
	if s.codec.rules().peerPings {
		s.beat, s.beatDue = untilHeard, s.beatDue+s.srv.opts.PingTimeout
	}
}

// never is a deadline that does not come.
const never = time.Duration(1<<63 - 1)

// arm sets the session's timer to the earliest of its deadlines. s.mu is held.
// Deadlines belong to the session, not to a transport: an upgrade does not
// change them.
func (s *Session) arm() {
	var next time.Duration
	switch s.life {
	case open:
		next = s.beatDue
	case closing:
		next = s.closeBy
	default:
		return
	}
	if s.upgrade != nil {
		next = min(next, s.upgrade.closeBy, s.upgrade.noopDue)
	}
	s.timer.Reset(next - s.srv.now())
}

// wake is called by the timer. It only looks at the clock: a timer that comes
// late, or for a deadline that has moved, does no harm.
func (s *Session) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.srv.now()
	if s.upgrade != nil {
		s.wakeUpgrade(now)
	}
	switch {
	case s.life == open && now >= s.beatDue:
		s.wakeHeartbeat(now)
	case s.life == closing && now >= s.closeBy:
		s.end(s.reason)
	}
	s.arm()
}

// wakeHeartbeat sends the ping that is due, or ends a session whose peer has
// been silent for too long. s.mu is held.
func (s *Session) wakeHeartbeat(now time.Duration) {
	switch {
	case s.beat == untilHeard:
		s.end(PingTimeout)
		return
	case s.stalled(now):
		s.end(SlowPeer)
		return
	}
	// The peer's time begins when the ping was due, so that late timers do not
	// add up; but a ping that comes very late (the machine slept) must not eat
	// up the time to answer it.
	sent := s.beatDue
	if now-sent > s.srv.opts.PingTimeout/4 {
		sent = now
	}
	s.beat, s.beatDue = untilHeard, sent+s.srv.opts.PingTimeout
	if s.ws != nil {
		s.ws.send(pingPacket.frames())
	} else {
		s.push(pingPacket)
	}
}

// beaten takes the peer's pong, or its ping, which is answered. A pong that nobody
// asked for changes nothing.
func (s *Session) beaten(kind packetType) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life != open || s.beat != untilHeard {
		return
	}
	if s.stalled(s.srv.now()) {
		s.end(SlowPeer)
		return
	}
	s.startBeat()
	s.arm()
	switch {
	case kind == packetPong:
	case s.ws != nil:
		s.ws.answerPingPacket()
	case !s.polling.endsWith(pongPacket): // one answer is enough for all who ask meanwhile
		s.push(pongPacket)
	}
}

// stalled reports whether messages are queued and the peer has taken nothing for
// PingTimeout. A peer may send pongs and never read. The heartbeat asks once in a
// round, so that no timer is needed; it ends peers that are not heard anyway. s.mu is
// held.
func (s *Session) stalled(now time.Duration) bool {
	switch {
	case s.ws != nil:
		return s.ws.state == writerWaiting && now-s.ws.progress >= s.srv.opts.PingTimeout
	case s.polling != nil:
		return len(s.polling.queue) > 0 && now-s.polling.moved >= s.srv.opts.PingTimeout
	}
	return false
}

// checkClock ends a session that is overdue although its timer has not run
// yet. s.mu is held.
func (s *Session) checkClock() {
	if s.life == open && s.beat == untilHeard && s.srv.now() >= s.beatDue {
		s.end(PingTimeout)
	}
}
