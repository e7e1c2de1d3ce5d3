package engineio

import (
	"net/http"
	"time"
)

// servePoll answers a GET of the session with what is queued, or with what comes next.
func (s *Session) servePoll(w http.ResponseWriter, r *http.Request, c codec) {
	waiting := &poll{answer: make(chan pollAnswer, 1)}
	p, refused := s.startRequest(func(p *polling) bool { return p.startPoll(waiting) })
	switch {
	case refused == refuseUnknownSession && s.srv.takesLast(s.id, http.MethodGet):
		s.srv.writePackets(w, r, c, noopPacket)
	case refused != nil:
		s.srv.refuse(w, r, refused)
	default:
		p.serve(waiting, w, r, c)
	}
}

// startPoll lets waiting wait. It reports false if another poll does.
func (p *polling) startPoll(waiting *poll) bool {
	if p.waiting != nil {
		return false
	}
	p.waiting = waiting
	p.answerPoll()
	if p.upgrade != nil && p.waiting != nil {
		p.upgrade.pollWaits()
	}
	return true
}

// serve writes the answer to waiting when there is one.
func (p *polling) serve(waiting *poll, w http.ResponseWriter, r *http.Request, c codec) {
	s := p.session
	if s.frugal() && isLarge(r) { // net/http keeps the header while the poll waits
		p.answerEmpty(waiting)
	}
	if r.ProtoMajor > 1 { // there http.Server's WriteTimeout ends the stream while it waits; Server.answer sets its own
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
	var quiet <-chan time.Time
	web := s.srv.parks(w, r)
	if _, own := w.(*parkedWriter); own && web != nil && len(waiting.answer) == 0 && p.park(web, waiting, w, r, c) {
		return
	}
	if web != nil {
		timer := time.NewTimer(s.srv.parkAfter)
		defer timer.Stop()
		quiet = timer.C
	}
	for {
		select {
		case a := <-waiting.answer:
			_ = p.writeAnswer(w, r, c, a) // the session ends if it fails
			return
		case <-quiet:
			if p.park(web, waiting, w, r, c) {
				return
			}
			quiet = nil
		case <-r.Context().Done():
			// Messages that the answer has taken out of the queue meanwhile are lost, and
			// with them the order of messages.
			s.Abort(TransportError)
			return
		}
	}
}

// writeAnswer writes the response to a poll. If it cannot, it ends the session.
func (p *polling) writeAnswer(w http.ResponseWriter, r *http.Request, c codec, a pollAnswer) error {
	s := p.session
	if a.refusal != nil {
		s.srv.refuse(w, r, a.refusal)
		return nil
	}
	if err := s.srv.writePackets(w, r, c, a.packets...); err != nil {
		s.Abort(TransportError)
		return err
	}
	p.polled()
	return nil
}

// answerEmpty answers waiting with nothing, if it still waits.
func (p *polling) answerEmpty(waiting *poll) {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	if p.waiting == waiting {
		p.answerPollEmpty()
	}
}

// polled notes that the response of a poll has been written. The peer could take
// nothing else before.
func (p *polling) polled() {
	s := p.session
	s.mu.Lock()
	defer s.mu.Unlock()
	p.progress = s.srv.now()
	p.writing--
	s.wakeFlush()
}
