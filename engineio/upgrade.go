package engineio

import (
	"errors"
	"net/http"
	"time"
)

// upgrade is a WebSocket that is about to replace polling (Engine.IO protocol 4,
// "Upgrade"). Until the peer sends the upgrade packet the session stays with polling,
// whatever happens to the WebSocket. The session's mutex guards it.
type upgrade struct {
	ws      *webSocket
	phase   upgradePhase
	closeBy time.Duration // Options.UpgradeTimeout
	noopDue time.Duration // when the poll that waits is answered with nothing; never while none waits
}

type upgradePhase uint8

const (
	untilProbe upgradePhase = iota
	untilUpgrade
)

// noopInterval is how long a poll that comes after the probe may wait. The peer stops to
// poll when it sees the answer to the probe, but cannot continue before the poll in
// progress has ended.
const noopInterval = 100 * time.Millisecond

var errUpgrade = errors.New("engineio: unexpected packet during an upgrade")

// upgrading returns the upgrade in progress, or nil. s.mu is held.
func (s *Session) upgrading() *upgrade {
	if s.polling == nil {
		return nil
	}
	return s.polling.upgrade
}

// isCandidate reports whether ws is the WebSocket of the upgrade in progress. s.mu is
// held.
func (s *Session) isCandidate(ws *webSocket) bool {
	u := s.upgrading()
	return u != nil && u.ws == ws
}

// serveUpgrade answers a request for a WebSocket that names a session.
func (s *Session) serveUpgrade(w http.ResponseWriter, r *http.Request, c codec) {
	ws, response := s.srv.accept(w, r, s, c, maxProbe, "")
	if ws == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.polling; s.life > open || s.ws != nil || p == nil || p.upgrade != nil {
		// The second WebSocket of a session is closed, and the session lives.
		ws.closeUnused(response)
		return
	}
	s.polling.upgrade = &upgrade{ws: ws, closeBy: s.srv.now() + s.srv.opts.UpgradeTimeout, noopDue: never}
	s.arm()
	s.srv.beginTask()
	go ws.serveCandidate()
	ws.push(response)
	ws.writeQueue()
}

// serveCandidate is the reader goroutine of a WebSocket that an upgrade tries.
func (ws *webSocket) serveCandidate() {
	s := ws.session
	ws.startWatch(false)
	if err := ws.probe(); err != nil {
		s.mu.Lock()
		if s.isCandidate(ws) {
			s.polling.upgrade = nil
		}
		s.mu.Unlock()
		ws.close(err)
		s.srv.endTask()
		return
	}
	s.srv.hands.enter()
	ws.read(nil)
}

// probe does the upgrade. If it returns nil, ws is the session's transport.
func (ws *webSocket) probe() error {
	for {
		data, kind, err := ws.next(ws.control)
		if err != nil {
			return err
		}
		if kind != textFrame {
			return errUpgrade
		}
		switch string(data) {
		case string(packetPing) + probe:
			err = ws.answerProbe()
		case string(packetUpgrade):
			return ws.changeOver()
		default:
			err = errUpgrade
		}
		if err != nil {
			return err
		}
	}
}

// answerProbe answers the probe, and the poll that waits with nothing, so that the peer
// can stop to poll.
func (ws *webSocket) answerProbe() error {
	s := ws.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isCandidate(ws) {
		return errUpgrade
	}
	s.polling.upgrade.phase = untilUpgrade
	s.polling.answerPollEmpty()
	return ws.send(probeAnswer.frames(), false)
}

// changeOver makes ws the session's transport. What was queued for the next poll is
// written by it, and all packets of the last POST are delivered before ws is read on.
func (ws *webSocket) changeOver() error {
	s := ws.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isCandidate(ws) || s.polling.upgrade.phase != untilUpgrade {
		return errUpgrade
	}
	p := s.polling
	p.upgrade = nil
	s.ws, ws.limit = ws, 0
	s.countUpgraded()
	s.reads++
	p.refusePoll(refuseBadRequest) // the peer promised not to poll any more
	ws.takeOver(p.take())
	for p.post != noPost && s.life != closed {
		p.posted.Wait()
	}
	s.polling = nil
	if !s.codec.rules().publicID {
		s.bond = nil
	}
	return nil
}

// takeOver writes on ws what was queued for polling, and then the close frame if the
// session was closing. s.mu is held, and let go while the operating system writes.
func (ws *webSocket) takeOver(queue []*Message) {
	s := ws.session
	for _, m := range queue {
		ws.push(ws.codec.frames(m))
	}
	if ws.state == writerIdle && ws.pending() {
		ws.writeQueue()
	}
	if s.life == closing {
		s.closeBy = s.srv.now() + s.srv.opts.PingTimeout
		ws.sendClose(plainCloseFrame)
	}
	s.arm()
}

// pollWaits notes that a poll begins to wait.
func (u *upgrade) pollWaits() {
	if s := u.ws.session; u.phase == untilUpgrade {
		u.noopDue = s.srv.now() + noopInterval
		s.arm()
	}
}

// wake acts on the deadlines of the upgrade.
func (u *upgrade) wake(now time.Duration) {
	s := u.ws.session
	if now >= u.noopDue {
		u.noopDue = never
		s.polling.answerPollEmpty()
	}
	if now >= u.closeBy {
		s.abortUpgrade()
	}
}

// abortUpgrade ends the upgrade in progress. The session goes on by polling. s.mu is
// held.
func (s *Session) abortUpgrade() {
	s.polling.upgrade.ws.abort()
	s.polling.upgrade = nil
	s.arm()
}
