package engineio

import (
	"errors"
	"unicode/utf8"
)

// HeadConn is a Conn that answers messages that are too long to be kept.
type HeadConn interface {
	Conn
	// MessageHead is called instead of Message for a message that is longer than
	// Options.MaxPayload or, while the session is new, longer than what may be kept of
	// it. It gets the first bytes, up to 4 KiB. They are valid only during the call, and
	// may end anywhere. If it returns true, the rest is read and discarded. If it
	// returns false, the message is refused as for a Conn that is not a HeadConn: the
	// WebSocket is closed with code 1009, or the POST answered with 413.
	MessageHead(head []byte, binary bool) bool
}

// maxHead bounds what MessageHead gets.
const maxHead = 4 << 10

// discardFactor bounds what a session may send only to be discarded, as a multiple of
// Options.MaxPayload.
const discardFactor = 4

// errLong says that only the head of a message was read.
var errLong = errors.New("engineio: message too long to be kept")

// discards reports whether n more bytes of messages that are too long may be read and
// discarded.
func (s *Session) discards(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.sent()
	if _, ok := s.conn.(HeadConn); !ok || n > discardFactor*int64(s.srv.opts.MaxPayload)-t.discarded {
		return false
	}
	t.discarded += n
	return true
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

// wholeRunes returns text without an incomplete character at its end.
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

// readLong receives a message of which next returned only the head.
func (ws *webSocket) readLong(head []byte, kind frameKind) error {
	p, err := parseHead(ws.codec, kind, head)
	if err != nil {
		return err
	}
	if !ws.session.deliverHead(p) {
		return errMessageTooBig
	}
	return ws.skip(ws.control)
}
