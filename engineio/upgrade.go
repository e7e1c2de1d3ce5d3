package engineio

import (
	"errors"
	"net/http"
	"time"
)

// upgrade is a WebSocket that is about to take over from polling (Engine.IO
// protocol 4, "Upgrade"). Until the peer says `5` the session stays with
// polling, whatever becomes of the WebSocket. The session's mutex guards it.
type upgrade struct {
	ws      *webSocket
	phase   phase
	closeBy time.Duration // Options.UpgradeTimeout
	noopDue time.Duration // when a poll that waits is sent home; never while none does
}

type phase uint8

const (
	untilProbe phase = iota
	untilUpgrade
)

// noopInterval is how long a poll may wait that comes after the probe. The
// peer stops to poll when it sees the probe's answer, but cannot go on before
// the poll that is under way has ended.
const noopInterval = 100 * time.Millisecond

var errUpgrade = errors.New("engineio: packet out of place in an upgrade")

// serveUpgrade answers a request for a WebSocket that names a session.
func (s *Session) serveUpgrade(w http.ResponseWriter, r *http.Request, c codec) {
	a, ok := s.srv.accept(w, r, "")
	if !ok {
		return
	}
	ws := newWebSocket(s, a, c, maxProbe)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life > open || s.ws != nil || s.upgrade != nil {
		// The second WebSocket of a session is closed, and the session lives.
		s.srv.start(func() { discard(a.conn, a.response) })
		return
	}
	s.upgrade = &upgrade{ws: ws, closeBy: s.srv.now() + s.srv.opts.UpgradeTimeout, noopDue: never}
	s.arm()
	s.srv.enter()
	go s.serveCandidate(ws)
	ws.push(a.response)
	ws.writeQueue()
}

// serveCandidate is the reader goroutine of a WebSocket that an upgrade tries.
func (s *Session) serveCandidate(ws *webSocket) {
	if err := s.probe(ws); err != nil {
		s.mu.Lock()
		if s.upgrade != nil && s.upgrade.ws == ws {
			s.upgrade = nil
		}
		s.mu.Unlock()
		s.shut(ws, err)
		s.srv.leave()
		return
	}
	s.read(ws, nil)
}

// probe goes through the upgrade. When it returns nil the session has changed
// over to ws.
func (s *Session) probe(ws *webSocket) error {
	for {
		data, kind, err := ws.next(func(kind frameKind, payload []byte) { s.control(ws, kind, payload) })
		if err != nil {
			return err
		}
		if kind != textFrame {
			return errUpgrade
		}
		switch string(data) {
		case string(packetPing) + probe:
			err = s.answerProbe(ws)
		case string(packetUpgrade):
			return s.changeOver(ws)
		default:
			err = errUpgrade
		}
		if err != nil {
			return err
		}
	}
}

// answerProbe answers the probe and sends the poll that waits home, so that
// the peer can stop polling.
func (s *Session) answerProbe(ws *webSocket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.upgrade == nil || s.upgrade.ws != ws {
		return errUpgrade
	}
	s.upgrade.phase = untilUpgrade
	if s.polling.waiting != nil {
		s.polling.reply(pollAnswer{packets: []*Message{noopPacket}})
	}
	return ws.send(probeAnswer.frames())
}

// pollDuringUpgrade looks after a poll that begins to wait. s.mu is held.
func (s *Session) pollDuringUpgrade() {
	if s.upgrade.phase == untilUpgrade {
		s.upgrade.noopDue = s.srv.now() + noopInterval
		s.arm()
	}
}

// changeOver makes ws the session's transport: what was queued for the next
// poll is written by it, and what the last POST brought has been handed over
// before it reads on.
func (s *Session) changeOver(ws *webSocket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.upgrade == nil || s.upgrade.ws != ws || s.upgrade.phase != untilUpgrade {
		return errUpgrade
	}
	p := s.polling
	s.upgrade = nil
	s.ws, ws.limit = ws, 0
	s.reads++
	if p.waiting != nil {
		p.reply(pollAnswer{refusal: refuseBadRequest}) // the peer promised to poll no more
	}
	s.takeOver(ws, p.take())
	for p.post != noPost && s.life != closed {
		p.posted.Wait()
	}
	s.polling = nil
	if !s.codec.rules().publicID {
		s.bond = nil
	}
	return nil
}

// takeOver writes what was queued for polling on ws, and then the close frame
// if the session was closing. s.mu is held and let go.
func (s *Session) takeOver(ws *webSocket, queue []*Message) {
	for _, m := range queue {
		ws.push(ws.codec.frames(m))
	}
	if ws.state == writerIdle && ws.pending() {
		ws.state = writerOwned
		ws.writeQueue()
	}
	if s.life == closing {
		s.closeBy = s.srv.now() + s.srv.opts.PingTimeout
		ws.sendClose(plainCloseFrame)
	}
	s.arm()
}

// wakeUpgrade looks at the upgrade's deadlines. s.mu is held.
func (s *Session) wakeUpgrade(now time.Duration) {
	u := s.upgrade
	if now >= u.noopDue {
		u.noopDue = never
		if s.polling.waiting != nil {
			s.polling.reply(pollAnswer{packets: []*Message{noopPacket}})
		}
	}
	if now >= u.closeBy {
		s.abortUpgrade()
	}
}

// abortUpgrade ends the upgrade. The session goes on by polling.
// s.mu is held.
func (s *Session) abortUpgrade() {
	s.upgrade.ws.abort()
	s.upgrade = nil
	s.arm()
}
