package engineio

import (
	"bytes"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"
)

// polling is the state of a session whose transport is HTTP long-polling. The
// session's mutex guards it.
type polling struct {
	queue   []*Message
	queued  int
	moved   time.Duration // when the peer took something last, or the queue began
	writing int           // answers to polls that are being written
	waiting *poll         // the GET that waits for something to answer it with
	post    post
	posted  sync.Cond // signalled when post becomes noPost, and at the session's end

	origin string // which later requests of the session have to agree with
}

func newPolling(mu sync.Locker, origin string) *polling {
	return &polling{posted: sync.Cond{L: mu}, origin: strings.Clone(canonicalOrigin(origin))}
}

// post is the state of the one POST that a session may have at a time.
type post uint8

const (
	noPost post = iota
	postReading
	postDelivering
)

// poll is a GET that waits.
type poll struct {
	answer chan pollAnswer // has room for the one answer
}

// pollAnswer is a payload, or a refusal.
type pollAnswer struct {
	packets []*Message
	refusal *refusal
}

// push queues m for the next poll, or answers the one that waits with it.
// s.mu is held.
func (s *Session) push(m *Message) error {
	p, size := s.polling, m.size()
	if p.queued > 0 && p.queued+size > s.srv.opts.MaxOutbound {
		s.end(SlowPeer)
		return ErrSlow
	}
	if len(p.queue) == 0 {
		p.moved = s.srv.now()
	}
	p.queue = append(p.queue, m)
	p.queued += size
	s.answerPoll()
	return nil
}

// answerPoll answers the waiting poll if there is one, and something to answer
// it with. s.mu is held.
func (s *Session) answerPoll() {
	p := s.polling
	if p.waiting == nil {
		return
	}
	if s.life == closing {
		p.reply(pollAnswer{packets: append(p.take(), closePacket)})
		s.end(s.reason)
		return
	}
	if len(p.queue) > 0 {
		p.reply(pollAnswer{packets: p.take()})
	}
}

// endsWith reports whether m is the last in the queue.
func (p *polling) endsWith(m *Message) bool {
	return len(p.queue) > 0 && p.queue[len(p.queue)-1] == m
}

func (p *polling) take() []*Message {
	queue := p.queue
	p.queue, p.queued = nil, 0
	return queue
}

func (p *polling) reply(a pollAnswer) {
	p.waiting.answer <- a
	if a.refusal == nil {
		p.writing++ // until polled
	}
	p.waiting = nil
}

// abandon ends the polls of a session that has ended.
func (p *polling) abandon() {
	p.queue, p.queued = nil, 0
	if p.waiting != nil {
		p.reply(pollAnswer{packets: []*Message{closePacket}})
	}
	p.posted.Broadcast()
}

// servePoll answers a GET of the session: with what is queued, or with what
// comes next.
func (s *Session) servePoll(w http.ResponseWriter, r *http.Request, c codec) {
	waiting, refused := s.startPoll()
	switch {
	case refused == refuseUnknownSession && s.srv.takeLeave(s.id):
		s.srv.writePackets(w, r, c, noopPacket)
		return
	case refused != nil:
		s.srv.refuse(w, r, refused)
		return
	}
	if s.frugal() && isLarge(r) { // net/http keeps the header while the poll waits
		s.sendHome(waiting)
	}
	if r.ProtoMajor > 1 { // there, http.Server's WriteTimeout ends the stream while it waits; answer sets its own
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
	select {
	case a := <-waiting.answer:
		if a.refusal != nil {
			s.srv.refuse(w, r, a.refusal)
		} else if err := s.srv.writePackets(w, r, c, a.packets...); err != nil {
			s.Abort(TransportError)
		} else {
			s.polled()
		}
	case <-r.Context().Done():
		// What the answer may have taken out of the queue meanwhile is lost,
		// and with it the order of messages.
		s.Abort(TransportError)
	}
}

// polled notes that the response of a poll has been written. The peer could take
// nothing else before.
func (s *Session) polled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.polling != nil {
		s.polling.moved = s.srv.now()
		s.polling.writing--
	}
	s.wakeFlush()
}

func (s *Session) startPoll() (*poll, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkClock()
	switch {
	case s.ws != nil:
		return nil, refuseBadRequest
	case s.life == closed:
		return nil, refuseUnknownSession
	case s.polling.waiting != nil:
		s.end(TransportError)
		return nil, refuseBadRequest
	}
	waiting := &poll{answer: make(chan pollAnswer, 1)}
	s.polling.waiting = waiting
	s.answerPoll()
	if s.upgrade != nil && s.polling.waiting != nil {
		s.pollDuringUpgrade()
	}
	return waiting, nil
}

// servePost takes the packets in the body of a POST.
func (s *Session) servePost(w http.ResponseWriter, r *http.Request, c codec) {
	p, refused := s.startPost()
	if refused != nil {
		s.srv.refuse(w, r, refused)
		return
	}
	err := s.takePost(p, w, r, c)
	s.endPost(p, err)

	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.Is(err, errPeerLeft):
		s.srv.answer(w, http.StatusOK, "text/html", []byte("ok"))
	case errors.As(err, &tooLarge):
		s.srv.refuse(w, r, refuseTooLarge)
	case errors.Is(err, ErrClosed):
		s.srv.refuse(w, r, refuseUnknownSession)
	default:
		s.srv.refuse(w, r, refuseBadRequest)
	}
}

// startPost claims the session's one POST.
func (s *Session) startPost() (*polling, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkClock()
	switch {
	case s.ws != nil:
		return nil, refuseBadRequest
	case s.life == closed:
		return nil, refuseUnknownSession
	case s.polling.post != noPost:
		s.end(TransportError)
		return nil, refuseBadRequest
	}
	s.polling.post = postReading
	return s.polling, nil
}

// readBody reads the body of a POST. Its read deadline has been set where the
// request came in.
func (s *Session) readBody(body *bytes.Buffer, w http.ResponseWriter, r *http.Request) error {
	limit := int64(s.srv.opts.MaxPayload)
	if r.ContentLength > limit {
		return &http.MaxBytesError{Limit: limit}
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	return err
}

// isBytes reports whether the body of r is a payload of bytes.
func isBytes(r *http.Request) bool {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/octet-stream")
}

// deliverPost hands the packets of a payload over, as a reader of the session.
func (s *Session) deliverPost(p *polling, c codec, payload []byte, binary bool) error {
	s.mu.Lock()
	if s.life == closed {
		s.mu.Unlock()
		return ErrClosed
	}
	p.post = postDelivering
	s.reads++
	s.mu.Unlock()
	return c.readPayload(payload, binary, s.srv.opts.MaxPackets, s.receiveInTurns())
}

// packetsInTurn is how many packets of a POST are taken before the goroutines of
// others run, as input.wait lets them.
const packetsInTurn = 256

// receiveInTurns returns receive for the packets of one POST.
func (s *Session) receiveInTurns() func(packet) error {
	n := 0
	return func(p packet) error {
		if n++; n%packetsInTurn == 0 {
			runtime.Gosched()
		}
		return s.receive(p)
	}
}

// endPost lets the next POST in, or the WebSocket that waits for this one to
// end, and ends the session if err says so.
func (s *Session) endPost(p *polling, err error) {
	s.mu.Lock()
	delivered := p.post == postDelivering
	p.post = noPost
	p.posted.Broadcast()
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.Is(err, ErrClosed), errors.As(err, &tooLarge):
	case errors.Is(err, errPeerLeft):
		s.sayGoodbye()
	default:
		s.end(postReason(err))
	}
	s.mu.Unlock()
	if delivered {
		s.doneReading()
	}
}

// sayGoodbye ends a session whose client has sent a close packet. The client
// may still have a poll under way, on another connection, which may come after
// the close packet. It is answered all the same. s.mu is held.
func (s *Session) sayGoodbye() {
	if s.life != closed && s.ws == nil {
		if s.polling.waiting != nil {
			s.polling.reply(pollAnswer{packets: []*Message{noopPacket}})
		} else {
			s.srv.expectLastPoll(s)
		}
	}
	s.end(TransportClose)
}

// postReason says why a POST that failed with err ends the session.
func postReason(err error) Reason {
	if errors.Is(err, errPacket) || errors.Is(err, errTooManyPackets) {
		return ParseError
	}
	return TransportError // the client has dropped the request, or is too slow with it
}

// postBodies keeps the buffers of POSTs, of which each is needed for a moment.
var postBodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxKeptBody = 64 << 10

func putBody(body *bytes.Buffer) {
	if body.Cap() <= maxKeptBody {
		body.Reset()
		postBodies.Put(body)
	}
}
