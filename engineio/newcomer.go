package engineio

import (
	"bytes"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"
)

// A session is new until the layer above calls Accept. While it is new it keeps less
// of what its peer sends, and it counts in Options.MaxNewPerAddress
// (docs/adr/0016-new-connections.md).

// HeadConn is a Conn that answers messages that are too long to be kept.
type HeadConn interface {
	Conn
	// MessageHead takes the place of Message for a message that is longer than
	// Options.MaxPayload or, while the session is new, than what may be kept of it.
	// It gets the first bytes, up to 4 KiB. They are valid only during the call,
	// and may end anywhere. When it returns true the rest is read and thrown away;
	// when it returns false the message is refused as one to a Conn that is not a
	// HeadConn: by closing with code 1009, or by a 413.
	MessageHead(head []byte, binary bool) bool
}

// maxHead bounds what MessageHead gets.
const maxHead = 4 << 10

// discardFactor bounds what a session may send to be thrown away, as a multiple of
// Options.MaxPayload.
const discardFactor = 4

// errLong stands for a message of which there is only the head.
var errLong = errors.New("engineio: message longer than what is kept of it")

// Accept says that the peer has been accepted: the session is no longer new. Calling
// it again does nothing.
func (s *Session) Accept() {
	s.maxMessage.Store(int64(s.srv.opts.MaxPayload))
	s.uncount()
}

// SetMaxMessage bounds how many bytes of a message are kept from now on, while the
// session is new: no more than Options.MaxNewPayload, and no less than 4 KiB. It must
// not be called after Accept.
func (s *Session) SetMaxMessage(n int) {
	most := s.srv.opts.maxNew()
	s.maxMessage.Store(int64(min(most, max(n, maxHead))))
}

// CountFailure counts a failed attempt of the peer's address, such as a refused
// token. See Options.MaxNewPerAddress.
func (s *Session) CountFailure() { s.srv.addresses.fail(Network(s.addr), s.srv.now()) }

// uncount takes the session out of the new ones of its address.
func (s *Session) uncount() {
	if a := s.address.Swap(nil); a != nil {
		s.srv.addresses.leave(a)
	}
}

// room returns how many bytes of a message are kept.
func (s *Session) room() int { return int(s.maxMessage.Load()) }

// frugal reports whether less is kept of the session's messages than of others'.
func (s *Session) frugal() bool { return s.room() < s.srv.opts.MaxPayload }

// discards reports whether n bytes of messages that are too long may be read and
// thrown away.
func (s *Session) discards(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.conn.(HeadConn); !ok || n > discardFactor*int64(s.srv.opts.MaxPayload)-s.discarded {
		return false
	}
	s.discarded += n
	return true
}

// receiveHead hands the head of a message over, and reports whether the rest may be
// thrown away.
func (s *Session) receiveHead(p packet) bool {
	conn, ok := s.conn.(HeadConn)
	if p.kind != packetMessage || !ok {
		return false
	}
	s.mu.Lock()
	if s.life != open {
		s.mu.Unlock()
		return true // it is closing, and takes nothing
	}
	s.calls++
	s.mu.Unlock()
	defer s.endCall()
	return conn.MessageHead(p.data, p.binary)
}

// parseHead parses the head of a packet, as codec.parseFrame does whole packets.
func parseHead(c codec, kind frameKind, head []byte) (packet, error) {
	if kind != textFrame {
		return c.parseFrame(kind, head)
	}
	head = wholeRunes(head)
	switch {
	case !utf8.Valid(head):
		return packet{}, &frameError{codeInvalidText, "text that is not UTF-8"}
	case len(head) > 0 && head[0] == binaryPrefix: // its beginning is not worth decoding
		return packet{kind: packetMessage, binary: true}, nil
	}
	return c.parseFrame(kind, head)
}

// wholeRunes returns text without the character at its end that was cut, if there is
// one.
func wholeRunes(text []byte) []byte {
	for i := len(text) - 1; i >= max(0, len(text)-utf8.UTFMax); i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				return text[:i]
			}
			break
		}
	}
	return text
}

// readLong takes a message of which next returned only the head.
func (s *Session) readLong(ws *webSocket, head []byte, kind frameKind, control func(frameKind, []byte)) error {
	p, err := parseHead(ws.codec, kind, head)
	if err != nil {
		return err
	}
	if !s.receiveHead(p) {
		return errMessageTooBig
	}
	return ws.skip(control)
}

// extend appends chunk to data, whose capacity grows to no more than limit as long as
// its length does not.
func extend(data, chunk []byte, limit int) []byte {
	if need := len(data) + len(chunk); need > cap(data) {
		grown := make([]byte, len(data), max(need, min(2*cap(data), limit)))
		copy(grown, data)
		data = grown
	}
	return append(data, chunk...)
}

// takePost reads the body of a POST and hands its packets over.
func (s *Session) takePost(p *polling, w http.ResponseWriter, r *http.Request, c codec) error {
	switch frugal := s.frugal(); {
	case isBytes(r) && !c.rules().binaryPosts:
		return errPacket
	case frugal, r.ContentLength > int64(s.room()):
		return s.shortPost(w, r, c, frugal)
	}
	body := postBodies.Get().(*bytes.Buffer)
	defer putBody(body)
	if err := s.readBody(body, w, r); err != nil {
		return err
	}
	return s.deliverPost(p, c, body.Bytes(), isBytes(r))
}

// shortPost takes a POST of a session that is frugal, or one that is too long. Packets
// are handed over as they come, and of one that is too long there is only the head.
func (s *Session) shortPost(w http.ResponseWriter, r *http.Request, c codec, frugal bool) error {
	limit := discardFactor * int64(s.srv.opts.MaxPayload)
	if r.ContentLength > limit {
		return &http.MaxBytesError{Limit: limit}
	}
	if _, ok := s.conn.(HeadConn); !ok && r.ContentLength > int64(s.room()) {
		return &http.MaxBytesError{Limit: int64(s.room())}
	}
	if frugal && isLarge(r) { // net/http keeps the header meanwhile
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(largeRequestTimeout))
	}
	return c.readLongPayload(&postReader{session: s, from: http.MaxBytesReader(w, r.Body, limit), frugal: frugal, binary: isBytes(r)})
}

// handOver calls deliver as a reader of the session.
func (s *Session) handOver(deliver func() error) error {
	s.mu.Lock()
	if s.life == closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.reads++
	s.mu.Unlock()
	defer s.doneReading()
	return deliver()
}

// largeRequest is the size from which the header and URL of a request are too large to
// be kept while a new session waits for something.
const largeRequest = 16 << 10

// largeRequestTimeout is how long the body of such a request may take.
const largeRequestTimeout = 5 * time.Second

// isLarge reports whether the header and URL of r are large.
func isLarge(r *http.Request) bool {
	size := len(r.RequestURI)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size > largeRequest
}

// sendHome answers a poll that still waits with nothing.
func (s *Session) sendHome(waiting *poll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.polling != nil && s.polling.waiting == waiting {
		s.polling.reply(pollAnswer{packets: []*Message{noopPacket}})
	}
}
