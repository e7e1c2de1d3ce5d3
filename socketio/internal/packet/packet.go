// Package packet reads and writes everything of a Socket.IO packet except the JSON payload, as
// specified in "Packet encoding" of revision 5 of the Socket.IO protocol. Revision 4 differs
// only in the query of a CONNECT.
package packet

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Type is the type of a packet.
type Type byte

// The packet types, in the order of the protocol.
const (
	Connect Type = iota
	Disconnect
	Event
	Ack
	ConnectError
	BinaryEvent
	BinaryAck
)

// ErrMalformed is returned for a packet that breaks the protocol.
var ErrMalformed = errors.New("socketio: malformed packet")

// ErrAttachments is returned for a packet with more attachments than its Limits allow.
var ErrAttachments = fmt.Errorf("%w: too many attachments", ErrMalformed)

// Packet is a packet whose payload has not been parsed.
type Packet struct {
	Type        Type
	Attachments int // number of attachments that follow
	Namespace   string
	Query       string // after the namespace of a CONNECT; see Limits
	TooLarge    bool   // the query of a CONNECT was too long and was left out
	AckID       uint64
	HasAck      bool
	Payload     []byte // JSON, or empty
}

// Limits bound a packet.
type Limits struct {
	Attachments int
	Name        int // bytes of a namespace
	// Query bounds the bytes of a query after the namespace of a CONNECT, which exists in
	// revision 4 of the protocol: /admin?token=t. Zero means that a question mark is part of
	// the name, as in revision 5.
	Query int
}

// Parse parses the head of a packet:
//
//	<type>[<attachments>-][<namespace>,][<ack id>][payload]
//
// The payload aliases b.
func Parse(b []byte, limits Limits) (Packet, error) {
	p := Packet{Namespace: "/"}
	if len(b) == 0 || b[0] < '0' || b[0] > '6' {
		return p, ErrMalformed
	}
	p.Type = Type(b[0] - '0')
	b = b[1:]

	if p.Type == BinaryEvent || p.Type == BinaryAck {
		digits, rest, found := bytes.Cut(b, []byte{'-'})
		n, ok := number(digits)
		switch {
		case !found || !ok || n == 0:
			return p, ErrMalformed
		case n > uint64(limits.Attachments):
			return p, ErrAttachments
		}
		p.Attachments, b = int(n), rest
	}
	if len(b) > 0 && b[0] == '/' {
		name, rest, _ := bytes.Cut(b, []byte{','})
		if p.Type == Connect && limits.Query > 0 {
			var query []byte
			if name, query, _ = bytes.Cut(name, []byte{'?'}); len(query) > limits.Query {
				p.TooLarge, query = true, nil
			}
			p.Query = string(query)
		}
		if len(name) > limits.Name {
			return p, ErrMalformed
		}
		p.Namespace, b = string(name), rest
	}
	digits := 0
	for digits < len(b) && b[digits] >= '0' && b[digits] <= '9' {
		digits++
	}
	if digits > 0 {
		id, ok := number(b[:digits])
		if !ok {
			return p, ErrMalformed
		}
		p.AckID, p.HasAck = id, true
	}
	p.Payload = b[digits:]
	return p, nil
}

// number parses a decimal number that JavaScript can represent exactly. It rejects a larger
// one, because a JavaScript peer would send it back as another number.
func number(digits []byte) (uint64, bool) {
	if len(digits) == 0 || len(digits) > 16 || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(digits), 10, 53)
	return n, err == nil
}

// AppendHead appends p's head to b. The payload must follow.
func (p Packet) AppendHead(b []byte) []byte {
	b = append(b, '0'+byte(p.Type))
	if p.Attachments > 0 {
		b = strconv.AppendInt(b, int64(p.Attachments), 10)
		b = append(b, '-')
	}
	if p.Namespace != "/" {
		b = append(b, p.Namespace...)
		b = append(b, ',')
	}
	if p.HasAck {
		b = strconv.AppendUint(b, p.AckID, 10)
	}
	return b
}

// Reserved reports whether an event name is reserved for the protocol or for the clients' own
// events.
func Reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}
