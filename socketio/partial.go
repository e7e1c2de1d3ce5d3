package socketio

import (
	"bytes"

	"socketiojwt/socketio/internal/packet"
)

// partial is a BINARY_EVENT or BINARY_ACK that is still incomplete.
type partial struct {
	packet      packet.Packet
	socket      *Socket // nil if the packet is to be dropped once it is complete
	attachments [][]byte
	due         int // number of attachments still to come
	bytes       int // charged to the ledger
}

// partialBytes is the size of an incomplete packet, or of one of its attachments, in addition
// to what the peer has sent.
const partialBytes = 128

// beginPartial handles the first part of a binary packet. It closes the connection if the
// namespace is not joined.
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
		whole.packet.Payload = c.keep(p.Payload)
	}
	c.partial = whole
}

// attachment adds an attachment to the incomplete packet.
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
		whole.attachments = append(whole.attachments, c.keep(data))
	}
	if whole.due--; whole.due > 0 {
		return
	}
	c.forgetPartial()
	if whole.socket != nil {
		c.handle(whole.packet, whole.attachments)
	}
}

// OwnMessage is Message for a message whose data belongs to the connection.
func (c *conn) OwnMessage(data []byte, binary bool) {
	c.owns = true
	c.Message(data, binary)
	c.owns = false
}

// keep returns data, which is a message or a part of it, for use after Message has returned. It is a
// copy, unless the connection owns a buffer that contains little else: the ledger charges only the
// length of data.
func (c *conn) keep(data []byte) []byte {
	if c.owns && cap(data) <= len(data)+len(data)/8 {
		return data[:len(data):len(data)]
	}
	return bytes.Clone(data)
}

// keptPayload is keep for the payload of a complete packet. If it has attachments, its payload was
// kept when the first part arrived.
func (c *conn) keptPayload(p packet.Packet, attachments [][]byte) []byte {
	if len(attachments) > 0 {
		return p.Payload
	}
	return c.keep(p.Payload)
}

// keepPartial charges n bytes of an incomplete packet, or closes the connection. For a held
// socket they count with its early events too.
func (c *conn) keepPartial(whole *partial, n int) bool {
	n += partialBytes
	if whole.socket.earlyFull(whole.bytes + n) {
		c.overLimit("too many bytes in a binary packet of a held socket", "HoldOptions.Bytes")
		return false
	}
	if !c.charged(c.ledger().event(n), "too many bytes in a binary packet") {
		return false
	}
	whole.bytes += n
	return true
}

// forgetPartial discards the incomplete packet and returns its charge to the ledger.
func (c *conn) forgetPartial() {
	if c.partial != nil {
		c.ledger().event(-c.partial.bytes)
		c.partial = nil
	}
}

// earlyFull reports whether the socket is held and its early events leave no room for n bytes.
func (s *Socket) earlyFull(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateHeld && s.arrival.early.bytes+n > s.arrival.early.options.Bytes
}

// MessageHead handles the beginning of a message that is too long to be kept. A CONNECT
// continues without its payload, and an event that is intercepted continues without its
// arguments, so that the peer receives a final refusal. Handshake.TooLarge and Event.TooLarge
// report it. For any other message, MessageHead returns false.
func (c *conn) MessageHead(head []byte, binary bool) bool {
	if binary || c.partial != nil {
		return false
	}
	p, err := packet.Parse(head, c.limits())
	switch {
	case err != nil:
	case p.Type == packet.Connect && !p.HasAck:
		p.TooLarge, p.Payload, p.Query = true, nil, "" // so that no truncated token is used
		c.connect(p, c.server.engine.Go)
		return true
	case p.Type == packet.Event:
		s, ok := c.joined(p.Namespace)
		if !ok || s == nil { // the connection is closed, or the namespace has just ended and its packets are dropped
			return true
		}
		return s.receiveHead(p)
	}
	return false
}

// receiveHead handles the beginning of an event that is too long. It returns false if the event
// is not intercepted.
func (s *Socket) receiveHead(p packet.Packet) bool {
	name, ok := nameInHead(p.Payload, s.conn.server.opts.MaxNameLength)
	if !ok {
		return false
	}
	s.mu.Lock()
	intercepted := s.interceptorOf(name) != nil
	s.mu.Unlock()
	if !intercepted {
		return false
	}
	s.conn.server.logTooLarge(s.conn, "event that is intercepted")
	s.receive(&Event{name: name, socket: s, ackID: p.AckID, wantsAck: p.HasAck, tooLarge: true, size: partialBytes + len(name)})
	return true
}

// nameInHead reads the name at the beginning of an EVENT's payload.
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
