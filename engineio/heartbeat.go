package engineio

import (
	"runtime"
	"time"

	"socketiojwt/internal/alarm"
)

// heartbeat is what a session waits for next: the time to ping its peer, or the peer's
// sign of life. In revision 4 (Engine.IO protocol 4, "Heartbeat") the server pings and
// the peer answers. If rules.peerPings is set (Engine.IO protocol 3, "Timeouts") the peer
// pings and the server answers. The session's mutex guards it.
type heartbeat struct {
	due     time.Duration // when the server pings or, if awaited, gives the peer up
	awaited bool          // the peer's pong, or its ping
}

// start begins the next round.
func (h *heartbeat) start(now time.Duration, opts *Options, peerPings bool) {
	*h = heartbeat{due: now + opts.PingInterval}
	if peerPings {
		*h = heartbeat{due: h.due + opts.PingTimeout, awaited: true}
	}
}

// pinged notes that the ping that was due is sent now.
//
// The peer's time begins when the ping was due, so that late timers do not add up. If the
// ping comes very late, because the machine slept, the peer still has the whole time to
// answer it.
func (h *heartbeat) pinged(now, timeout time.Duration) {
	sent := h.due
	if now-sent > timeout/4 {
		sent = now
	}
	*h = heartbeat{due: sent + timeout, awaited: true}
}

// overdue reports whether the peer has been silent for too long.
func (h *heartbeat) overdue(now time.Duration) bool { return h.awaited && now >= h.due }

// never is a deadline that does not come.
const never = time.Duration(1<<63 - 1)

// startHeartbeat begins the heartbeat, or its next round. s.mu is held.
func (s *Session) startHeartbeat() {
	s.heartbeat.start(s.srv.now(), &s.srv.opts, s.codec.rules().peerPings)
}

// newAlarms returns the queues that wake the sessions of srv, one for each processor, so that the
// pings of very many sessions do not wait for one goroutine.
func (srv *Server) newAlarms() []*alarm.Queue[*Session] {
	queues := make([]*alarm.Queue[*Session], min(runtime.GOMAXPROCS(0), 256))
	for i := range queues {
		queues[i] = alarm.New(func() int64 { return int64(srv.now()) }, 0, func(s *Session) *alarm.Entry { return &s.alarm }, (*Session).wake)
	}
	return queues
}

// alarmOf returns the queue of a session.
func (srv *Server) alarmOf(s *Session) *alarm.Queue[*Session] {
	return srv.alarms[int(s.id[0])%len(srv.alarms)] // the ID is random
}

// arm sets the session's alarm to the earliest of its deadlines. Deadlines belong to the
// session and not to a transport, so an upgrade does not change them. s.mu is held.
func (s *Session) arm() {
	var next time.Duration
	switch s.life {
	case open:
		next = s.heartbeat.due
	case closing:
		next = s.closeBy
	default:
		return
	}
	if u := s.upgrading(); u != nil {
		next = min(next, u.closeBy, u.noopDue)
	}
	s.srv.alarmOf(s).Set(s, int64(next), next-s.srv.now())
}

// wake is called by the alarm. It decides by the clock only, so an alarm that comes late,
// or for a deadline that has moved, does no harm.
func (s *Session) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.srv.now()
	if u := s.upgrading(); u != nil {
		u.wake(now)
	}
	switch {
	case s.life == open && now >= s.heartbeat.due:
		s.wakeHeartbeat(now)
	case s.life == closing && now >= s.closeBy:
		s.end(s.reason)
	}
	s.arm()
}

// wakeHeartbeat sends the ping that is due, or ends a session whose peer has been silent
// for too long. s.mu is held.
func (s *Session) wakeHeartbeat(now time.Duration) {
	switch {
	case s.heartbeat.awaited && !s.delayedSilence(now):
		s.end(PingTimeout)
		return
	case s.stalled(now):
		s.end(SlowPeer)
		return
	case s.heartbeat.awaited: // and the peer is delayed
		return
	}
	s.heartbeat.pinged(now, s.srv.opts.PingTimeout)
	if s.ws != nil {
		_ = s.ws.send(pingPacket.frames(), false)
	} else {
		_ = s.polling.send(pingPacket)
	}
}

// receiveHeartbeat receives the peer's pong, or its ping, which it answers. A pong that
// was not asked for changes nothing.
func (s *Session) receiveHeartbeat(kind packetType) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life != open || !s.heartbeat.awaited {
		return
	}
	if s.stalled(s.srv.now()) {
		s.end(SlowPeer)
		return
	}
	s.startHeartbeat()
	s.arm()
	switch {
	case kind == packetPong:
	case s.ws != nil:
		s.ws.answerPingPacket()
	case !s.polling.endsWith(pongPacket): // one answer is enough for all pings that came meanwhile
		_ = s.polling.send(pongPacket)
	}
}

// stalled reports whether messages are queued and the peer has taken nothing for
// PingTimeout: a peer may send pongs and never read. The heartbeat checks this once in a
// round, so it needs no timer. It ends peers that are silent in any case. s.mu is held.
func (s *Session) stalled(now time.Duration) bool {
	timeout := s.srv.opts.PingTimeout
	switch {
	case s.ws != nil:
		return s.ws.state == writerWaiting && now-s.ws.progress >= timeout
	case s.polling != nil:
		return len(s.polling.queue) > 0 && now-s.polling.progress >= timeout
	}
	return false
}

// checkHeartbeat ends a session that is overdue although its timer has not fired yet.
// s.mu is held.
func (s *Session) checkHeartbeat() {
	now := s.srv.now()
	if s.life == open && s.heartbeat.overdue(now) && !s.delayedSilence(now) {
		s.end(PingTimeout)
	}
}
