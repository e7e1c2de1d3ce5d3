package engineio

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"socketiojwt/internal/turns"
)

// servePost receives the packets in the body of a POST.
func (s *Session) servePost(w http.ResponseWriter, r *http.Request, c codec) {
	p, refused := s.startRequest((*polling).startPost)
	if refused != nil {
		s.refusePost(w, r, refused)
		return
	}
	whole, err := p.readPost(w, r, c)
	wasQuiet := p.endPost(err)

	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.Is(err, errPeerLeft):
		if !wasQuiet || !whole || err != nil || !s.srv.parkPost(w, r) {
			_ = s.srv.answerPost(w)
		}
	case errors.As(err, &tooLarge):
		s.srv.refuse(w, r, refuseTooLarge)
	case errors.Is(err, errRate):
		s.srv.refuse(w, r, refuseRate)
	case errors.Is(err, ErrClosed):
		s.refusePost(w, r, refuseUnknownSession)
	default:
		s.srv.refuse(w, r, refuseBadRequest)
	}
}

// answerPost says that a POST was received.
func (srv *Server) answerPost(w http.ResponseWriter) error {
	return srv.answer(w, http.StatusOK, "text/html", []byte("ok"))
}

// refusePost refuses a POST, unless it arrived just after the server has closed the session.
func (s *Session) refusePost(w http.ResponseWriter, r *http.Request, refused *refusal) {
	if refused == refuseUnknownSession && s.srv.takesLast(s.id, http.MethodPost) {
		_ = s.srv.answerPost(w)
		return
	}
	s.srv.refuse(w, r, refused)
}

// startPost reports false if another POST is in progress.
func (p *polling) startPost() bool {
	if p.post != noPost {
		return false
	}
	p.post = postReading
	return true
}

// readPost reads the body of a POST and delivers its packets, and reports whether it has
// certainly read the whole body. Its read deadline was set when the request came in.
func (p *polling) readPost(w http.ResponseWriter, r *http.Request, c codec) (whole bool, err error) {
	s := p.session
	switch frugal := s.frugal(); {
	case isBinary(r) && !c.rules().binaryPosts:
		return false, errPacket
	case frugal, r.ContentLength > int64(s.room()):
		return s.readLongPost(w, r, r.Body, c, frugal)
	}
	body := postBodies.Get().(*bytes.Buffer)
	defer putBody(body)
	limit := int64(s.srv.opts.MaxPayload)
	if r.ContentLength > limit {
		return false, &http.MaxBytesError{Limit: limit}
	}
	if _, err := body.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil {
		return false, err
	}
	if int64(body.Len()) > limit { // its length was not announced, as by proxies that speak HTTP/2
		return s.readLongPost(w, r, io.MultiReader(body, r.Body), c, false)
	}
	s.srv.figures.receivedBytes.Add(uint64(body.Len()))
	return true, p.deliverPost(c, body.Bytes(), isBinary(r))
}

// readLongPost reads a POST that is too long, or one of a session that was new, which
// frugal says. It delivers packets as they come, and only the head of one that is too
// long. The body is that of r, or begins with what has been read of it. It reports whether it has read
// the whole body.
func (s *Session) readLongPost(w http.ResponseWriter, r *http.Request, body io.Reader, c codec, frugal bool) (whole bool, err error) {
	limit := discardFactor * int64(s.srv.opts.MaxPayload)
	if r.ContentLength > limit {
		return false, &http.MaxBytesError{Limit: limit}
	}
	if _, ok := s.conn.(HeadConn); !ok && (!frugal || r.ContentLength > int64(s.room())) {
		return false, &http.MaxBytesError{Limit: int64(s.room())}
	}
	if frugal && isLarge(r) { // net/http keeps the header meanwhile
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(largeRequestTimeout))
	}
	b := &postReader{session: s, from: http.MaxBytesReader(w, io.NopCloser(body), limit), frugal: frugal, binary: isBinary(r)}
	err = c.readLongPayload(b)
	return b.ended, err
}

// isBinary reports whether the body of r is a payload of bytes.
func isBinary(r *http.Request) bool {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/octet-stream")
}

// deliverPost delivers the packets of a payload. The caller is a reader of the session
// until endPost.
func (p *polling) deliverPost(c codec, payload []byte, binary bool) error {
	s := p.session
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

// packetsInTurn is how many packets of a POST are received before other goroutines run,
// as input.wait allows them to.
const packetsInTurn = 256

// receiveInTurns returns receive for the packets of one POST.
func (s *Session) receiveInTurns() func(packet) error {
	n := 0
	var turn turns.Turn
	return func(p packet) error {
		if n++; n%packetsInTurn == 0 {
			runtime.Gosched()
		}
		turn.Step()
		if err := s.pace(int64(len(p.data)) + 1); err != nil {
			return err
		}
		return s.receive(p)
	}
}

// endPost allows the next POST, or the WebSocket that waits for the end of this one. It
// ends the session if err requires that. It reports whether the session was quiet for a
// while before this POST.
func (p *polling) endPost(err error) (wasQuiet bool) {
	s := p.session
	s.mu.Lock()
	now := s.srv.now()
	wasQuiet = now-p.quiet >= s.srv.parkAfter
	p.quiet = now
	delivered := p.post == postDelivering
	p.post = noPost
	p.posted.Broadcast()
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.Is(err, ErrClosed), errors.As(err, &tooLarge):
	case errors.Is(err, errPeerLeft):
		p.endByPeer()
	default:
		s.end(postReason(err))
	}
	s.mu.Unlock()
	if delivered {
		s.endReading()
	}
	return wasQuiet
}

// endByPeer ends a session whose peer has sent a close packet. The peer may still have a
// poll in progress on another connection, which arrives after the close packet. It
// is answered in any case. s.mu is held.
func (p *polling) endByPeer() {
	s := p.session
	if s.life != closed && s.ws == nil {
		if p.waiting != nil {
			p.answerPollEmpty()
		} else {
			s.srv.expectLastPoll(s)
		}
	}
	s.end(TransportClose)
}

// postReason returns the reason for which a POST that failed with err ends the session.
func postReason(err error) Reason {
	if errors.Is(err, errRate) {
		return RateExceeded
	}
	if errors.Is(err, errPacket) || errors.Is(err, errTooManyPackets) {
		return ParseError
	}
	return TransportError // the client has dropped the request, or is too slow with it
}

// postBodies keeps the buffers of POSTs, each of which is needed only for a moment.
var postBodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxKeptBody = 64 << 10

func putBody(body *bytes.Buffer) {
	if body.Cap() <= maxKeptBody {
		body.Reset()
		postBodies.Put(body)
	}
}
