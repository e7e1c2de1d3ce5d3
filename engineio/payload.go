package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"unicode/utf8"
)

// separator stands between the packets of a payload (Engine.IO protocol 4,
// "Packet encoding", "HTTP long-polling").
const separator = 0x1e

// binaryPrefix begins a binary message in a payload; base64 follows.
const binaryPrefix = 'b'

var (
	errPacket         = errors.New("engineio: invalid packet")
	errTooManyPackets = errors.New("engineio: too many packets in one payload")
)

// appendPayload appends the packets of m, with the separators between them.
func appendPayload(dst []byte, kind packetType, text []byte, attachments [][]byte) []byte {
	size := 1 + len(text)
	for _, data := range attachments {
		size += 2 + base64.StdEncoding.EncodedLen(len(data))
	}
	if cap(dst)-len(dst) < size {
		dst = append(make([]byte, 0, len(dst)+size), dst...)
	}
	if text != nil {
		dst = append(dst, byte(kind))
		dst = append(dst, text...)
	}
	for i, data := range attachments {
		if i > 0 || text != nil {
			dst = append(dst, separator)
		}
		dst = append(dst, binaryPrefix)
		dst = base64.StdEncoding.AppendEncode(dst, data)
	}
	return dst
}

// joinPayload returns the payload with messages.
func joinPayload(messages []*Message) []byte {
	if len(messages) == 1 {
		return messages[0].payload()
	}
	size := 0
	for _, m := range messages {
		size += len(m.payload()) + 1
	}
	body := make([]byte, 0, size)
	for i, m := range messages {
		if i > 0 {
			body = append(body, separator)
		}
		body = append(body, m.payload()...)
	}
	return body
}

// readPayload passes the packets of a payload to receive, one after the other, until
// receive fails or a packet is invalid. It returns an error for more than limit packets.
// Packets before the error are passed on.
func readPayload(payload []byte, limit int, receive func(packet) error) error {
	if !utf8.Valid(payload) {
		return errPacket
	}
	for n := 0; ; n++ {
		if n == limit {
			return errTooManyPackets
		}
		text, rest, more := bytes.Cut(payload, []byte{separator})
		p, err := parsePayloadPacket(text)
		if err != nil {
			return err
		}
		if err := receive(p); err != nil || !more {
			return err
		}
		payload = rest
	}
}

func parsePayloadPacket(text []byte) (packet, error) {
	if len(text) > 0 && text[0] == binaryPrefix {
		return base64Packet(text[1:])
	}
	p, ok := parsePacket(text)
	if !ok {
		return packet{}, errPacket
	}
	return p, nil
}

// base64Packet returns the binary message whose data is text in base64.
func base64Packet(text []byte) (packet, error) {
	data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(data, text)
	if err != nil {
		return packet{}, errPacket
	}
	return packet{kind: packetMessage, binary: true, data: data[:n]}, nil
}
