package socketio

import (
	"bytes"
	"errors"
	"strconv"
)

// packetType is the type of a Socket.IO packet (protocol revision 5, "Packet
// encoding").
type packetType byte

const (
	packetConnect packetType = iota
	packetDisconnect
	packetEvent
	packetAck
	packetConnectError
	packetBinaryEvent
	packetBinaryAck
)

// errParse is what every packet that breaks the protocol gives: the connection
// closes, and the peer is told nothing.
var errParse = errors.New("socketio: malformed packet")

// packet is a Socket.IO packet as it came, its payload not yet looked at.
type packet struct {
	kind        packetType
	attachments int
	namespace   string
	ackID       uint64
	hasAck      bool
	payload     []byte // JSON, or empty
}

// parsePacket takes the head of a packet apart:
//
//	<type>[<attachments>-][<namespace>,][<ack id>][payload]
//
// The payload aliases b.
func parsePacket(b []byte, maxAttachments, maxName int) (packet, error) {
	p := packet{namespace: "/"}
	if len(b) == 0 || b[0] < '0' || b[0] > '6' {
		return p, errParse
	}
	p.kind = packetType(b[0] - '0')
	b = b[1:]

	if p.kind == packetBinaryEvent || p.kind == packetBinaryAck {
		digits, rest, found := bytes.Cut(b, []byte{'-'})
		n, ok := number(digits)
		if !found || !ok || n == 0 || n > uint64(maxAttachments) {
			return p, errParse
		}
		p.attachments, b = int(n), rest
	}
	if len(b) > 0 && b[0] == '/' {
		name, rest, _ := bytes.Cut(b, []byte{','})
		if len(name) > maxName {
			return p, errParse
		}
		p.namespace, b = string(name), rest
	}
	digits := 0
	for digits < len(b) && b[digits] >= '0' && b[digits] <= '9' {
		digits++
	}
	if digits > 0 {
		id, ok := number(b[:digits])
		if !ok {
			return p, errParse
		}
		p.ackID, p.hasAck = id, true
	}
	p.payload = b[digits:]
	return p, nil
}

// number reads a decimal number that JavaScript can hold exactly. A larger one
// would come back as another number, so it is refused.
func number(digits []byte) (uint64, bool) {
	if len(digits) == 0 || len(digits) > 16 || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(digits), 10, 53)
	return n, err == nil
}

// appendHead appends the head of a packet.
func appendHead(b []byte, kind packetType, attachments int, namespace string, ackID uint64, hasAck bool) []byte {
	b = append(b, '0'+byte(kind))
	if attachments > 0 {
		b = strconv.AppendInt(b, int64(attachments), 10)
		b = append(b, '-')
	}
	if namespace != "/" {
		b = append(b, namespace...)
		b = append(b, ',')
	}
	if hasAck {
		b = strconv.AppendUint(b, ackID, 10)
	}
	return b
}

// reserved reports whether an event name belongs to the protocol or to the
// clients' own events.
func reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}
