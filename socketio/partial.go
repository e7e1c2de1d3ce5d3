package socketio

import (
	"bytes"

	"socketiojwt/socketio/internal/packet"
)

// partial is a BINARY_EVENT or BINARY_ACK that is still incomplete.
type partial struct {
	packet      packet.Packet
	socket      *Socket // which it is for; nil when it is dropped once it is complete
	attachments [][]byte
	due         int // attachments
	bytes       int // charged to the ledger
}

// partialBytes is what an incomplete packet, or one of its attachments, takes beside
// what the peer has sent.
const partialBytes = 128

// beginPartial takes the first packet of a binary one. For a namespace that is not
// joined it is a violation already.
func (c *conn) beginPartial(p packet.Packet) {
	s, ok := c.joined(p.Namespace)
	if !ok {
		return
	}
	whole := &partial{packet: p, socket: s, due: p.Attachments}
	whole.packet.Payload = nil
	if s != nil {
		if !c.keepPartial(whole, len(p.Payload)) {
			return
		}
		whole.packet.Payload = bytes.Clone(p.Payload)
	}
	c.partial = whole
}

// attachment adds one to the binary packet that waits for it.
func (c *conn) attachment(data []byte) {
	whole := c.partial
	if whole == nil {
		c.violation("binary when no attachment is due")
		return
	}
	if whole.socket != nil {
		if !c.keepPartial(whole, len(data)) {
			return
		}
		whole.attachments = append(whole.attachments, bytes.Clone(data))
	}
	if whole.due--; whole.due > 0 {
		return
	}
	c.dropPartial()
	if whole.socket != nil {
		c.handle(whole.packet, whole.attachments)
	}
}

// keepPartial charges n bytes of an incomplete packet, or closes the connection. For a
// held socket they count with its early events too.
func (c *conn) keepPartial(whole *partial, n int) bool {
	n += partialBytes
	if whole.socket.earlyFull(whole.bytes + n) {
		c.overLimit("too many bytes in a binary packet of a held socket", "HoldOptions.Bytes")
		return false
	}
	if !c.charged(c.ledger.event(n), "too many bytes in a binary packet") {
		return false
	}
	whole.bytes += n
	return true
}

// dropPartial gives back what the incomplete packet was charged.
func (c *conn) dropPartial() {
	if c.partial != nil {
		c.ledger.event(-c.partial.bytes)
		c.partial = nil
	}
}

// earlyFull reports whether the socket is held and has no room for n bytes.
func (s *Socket) earlyFull(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateHeld && s.early.bytes+n > s.early.options.Bytes
}

// MessageHead takes the beginning of a message that is too long to be kept. A CONNECT
// goes on without its payload, and an event that is intercepted without its
// arguments, so that the peer hears a refusal that is final; Handshake.TooLarge and
// Event.TooLarge say so. Any other message is not taken.
func (c *conn) MessageHead(head []byte, binary bool) bool {
	if binary || c.partial != nil {
		return false
	}
	p, err := packet.Parse(head, c.limits())
	switch {
	case err != nil:
	case p.Type == packet.Connect && !p.HasAck:
		p.TooLarge, p.Payload, p.Query = true, nil, "" // or a token would be cut short
		c.connect(p)
		return true
	case p.Type == packet.Event:
		s, ok := c.joined(p.Namespace)
		if !ok || s == nil { // closed for that, or dropped as any packet for a namespace that has just ended
			return true
		}
		return s.receiveHead(p)
	}
	return false
}

// receiveHead takes the beginning of an event that is too long, and reports false if
// it is not one that is intercepted.
func (s *Socket) receiveHead(p packet.Packet) bool {
	name, ok := nameInHead(p.Payload, s.conn.server.opts.MaxNameLength)
	if !ok {
		return false
	}
	s.mu.Lock()
	intercepted := s.intercepts.handler(name) != nil
	s.mu.Unlock()
	if !intercepted {
		return false
	}
	s.conn.server.logTooLarge(s.conn, "event that is intercepted")
	s.receive(&Event{name: name, socket: s, ackID: p.AckID, wantsAck: p.HasAck, tooLarge: true, size: partialBytes + len(name)})
	return true
}

// nameInHead reads the name in the beginning of an EVENT's payload.
func nameInHead(payload []byte, maxName int) (name string, ok bool) {
	const space = " \t\r\n"
	array, ok := bytes.CutPrefix(bytes.TrimLeft(payload, space), []byte{'['})
	value := bytes.TrimLeft(array, space)
	if !ok || len(value) == 0 || value[0] != '"' {
		return "", false
	}
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			name, err := eventName(value[:i+1], maxName)
			return name, err == nil
		}
	}
	return "", false
}
