package engineio

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// polling is the transport of a session by HTTP long-polling: what waits for the next
// poll, the poll that waits for something, and the POST in progress. The session's mutex
// guards it and is held in all its methods, except in those that serve a request.
type polling struct {
	session *Session

	queue    []*Message
	queued   int           // bytes that count in Options.MaxOutbound
	progress time.Duration // when the peer last took something, or the queue began
	writing  int           // responses of polls that are being written
	waiting  *poll         // nil while no poll waits

	post   postPhase
	quiet  time.Duration // since when there has been no POST, or long ago
	posted sync.Cond     // signalled when post becomes noPost, and at the session's end

	upgrade *upgrade // nil while no upgrade is in progress
	origin  string   // which later requests of the session must agree with
}

func newPolling(s *Session, origin string) *polling {
	quiet := s.srv.now() - s.srv.parkAfter // clients make a connection for their first POST, and may not use it again for long
	return &polling{session: s, quiet: quiet, posted: sync.Cond{L: &s.mu}, origin: strings.Clone(canonicalOrigin(origin))}
}

// poll is a GET that waits.
type poll struct {
	answer chan pollAnswer // has room for the one answer
	parked *parked         // gets the answer instead, unless it is nil
}

// give passes the answer on to the goroutine that writes it.
func (w *poll) give(a pollAnswer) {
	if k := w.parked; k != nil {
		k.srv.answerParked(k, a)
	} else {
		w.answer <- a
	}
}

// pollAnswer is a payload, or a refusal.
type pollAnswer struct {
	packets []*Message
	refusal *refusal
}

// postPhase is the phase of the one POST that a session may have at a time.
type postPhase uint8

const (
	noPost postPhase = iota
	postReading
	postDelivering
)

// send queues m for the next poll, or answers the poll that waits.
func (p *polling) send(m *Message) error {
	s, size := p.session, m.Size()
	if p.queued > 0 && p.queued+size > s.srv.opts.MaxOutbound {
		s.end(SlowPeer)
		return ErrSlow
	}
	if len(p.queue) == 0 {
		p.progress = s.srv.now()
	}
	p.queue = append(p.queue, m)
	p.setQueued(p.queued + size)
	p.answerPoll()
	return nil
}

// answerPoll answers the poll that waits, if there is one and something to answer it
// with.
func (p *polling) answerPoll() {
	if p.waiting == nil {
		return
	}
	s := p.session
	switch {
	case len(p.queue) > 0:
		// A close packet in the same response would overtake the messages: the JavaScript client
		// closes its sockets at once, and hands on messages a moment later.
		p.reply(p.take()...)
	case s.life == closing:
		p.replyLast()
		s.end(s.reason)
	}
}

// replyLast answers the poll that waits with a close packet, the last packet of the session.
//
// The clients in Python do not reconnect after a close packet, but they do after a payload that
// they refuse, as one of more than 16 packets (https://github.com/miguelgrinberg/python-engineio,
// Client._receive_packet and Payload.decode). So if the peer should reconnect, 16 noop packets
// follow. The other clients have closed before they read them.
func (p *polling) replyLast() {
	if p.session.reason.temporary() {
		p.reply(lastPackets...)
	} else {
		p.reply(closePacket)
	}
}

var lastPackets = append([]*Message{closePacket}, slices.Repeat([]*Message{noopPacket}, 16)...)

// needsNoPoll reports whether a closing session ends without a poll, because the server shuts down and
// nothing is queued. The next request of the peer is refused, or reaches another server, and the
// peer reconnects.
func (p *polling) needsNoPoll() bool {
	return len(p.queue) == 0 && p.upgrade == nil && p.session.reason == ServerShutdown
}

// answerPollEmpty answers the poll that waits, if there is one, with nothing.
func (p *polling) answerPollEmpty() {
	if p.waiting != nil {
		p.reply(noopPacket)
	}
}

// reply answers the poll that waits. polled must follow when the response is written.
func (p *polling) reply(packets ...*Message) {
	p.waiting.give(pollAnswer{packets: packets})
	p.waiting = nil
	p.writing++
}

// refusePoll answers the poll that waits, if there is one, with an error.
func (p *polling) refusePoll(refused *refusal) {
	if p.waiting != nil {
		p.waiting.give(pollAnswer{refusal: refused})
		p.waiting = nil
	}
}

// take empties the queue.
func (p *polling) take() []*Message {
	queue := p.queue
	p.queue = nil
	p.setQueued(0)
	return queue
}

// setQueued sets queued, and with it the server's figure.
func (p *polling) setQueued(n int) {
	p.session.srv.figures.queued.Add(int64(n - p.queued))
	p.queued = n
}

// endsWith reports whether m is the last in the queue.
func (p *polling) endsWith(m *Message) bool {
	return len(p.queue) > 0 && p.queue[len(p.queue)-1] == m
}

// end answers the poll of a session that has ended, expects its last POSTs, and wakes an upgrade
// that waits for the POST.
func (p *polling) end() {
	p.queue = nil
	p.setQueued(0)
	if p.upgrade != nil {
		p.upgrade.ws.abort()
		p.upgrade = nil
	}
	if p.waiting != nil {
		p.replyLast()
	}
	if s := p.session; s.ws == nil && s.reason.temporary() {
		s.srv.expectLastPosts(s)
	}
	p.posted.Broadcast()
}

// startRequest returns the session's polling transport for a request by polling, if
// start reports that the request may begin. If not, another request of the same kind is
// in progress, and the session ends.
func (s *Session) startRequest(start func(*polling) bool) (*polling, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkHeartbeat()
	switch {
	case s.ws != nil, s.polling == nil:
		return nil, refuseBadRequest
	case s.life == closed:
		return nil, refuseUnknownSession
	case !start(s.polling):
		s.end(TransportError)
		return nil, refuseBadRequest
	}
	return s.polling, nil
}
