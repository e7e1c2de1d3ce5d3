package engineclient

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"
)

// The types of packets (Engine.IO protocol 4, "Protocol").
const (
	packetOpen    = '0'
	packetClose   = '1'
	packetPing    = '2'
	packetPong    = '3'
	packetMessage = '4'
	packetUpgrade = '5'
	packetNoop    = '6'
)

// separator stands between the packets of a payload, and binaryPrefix begins a binary
// message there (Engine.IO protocol 4, "HTTP long-polling").
const (
	separator    = 0x1e
	binaryPrefix = 'b'
)

// probe is what ping and pong carry while an upgrade is tried.
const probe = "probe"

// A packet is one Engine.IO packet. Only messages can be binary.
type packet struct {
	kind   byte
	binary bool
	data   []byte
}

// size is how many bytes the packet counts where packets wait.
func (p packet) size() int { return len(p.data) + 64 }

// parsePacket reads a packet in its text form. The data aliases text.
func parsePacket(text []byte) (packet, error) {
	if len(text) == 0 || text[0] < packetOpen || text[0] > packetNoop {
		return packet{}, errPacket
	}
	return packet{kind: text[0], data: text[1:]}, nil
}

// parsePayloadPacket reads one packet of a payload.
func parsePayloadPacket(text []byte) (packet, error) {
	encoded, binary := bytes.CutPrefix(text, []byte{binaryPrefix})
	if !binary {
		return parsePacket(text)
	}
	data, err := base64.StdEncoding.AppendDecode(nil, encoded)
	if err != nil {
		return packet{}, errPacket
	}
	return packet{kind: packetMessage, binary: true, data: data}, nil
}

// readPayload hands the packets of a poll's answer to take, until it fails.
func readPayload(payload []byte, take func(packet) error) error {
	if !utf8.Valid(payload) {
		return errPacket
	}
	for more := true; more; {
		var text []byte
		text, payload, more = bytes.Cut(payload, []byte{separator})
		p, err := parsePayloadPacket(text)
		if err == nil {
			err = take(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// appendPayload returns the body of a POST.
func appendPayload(body []byte, packets []packet) []byte {
	for i, p := range packets {
		if i > 0 {
			body = append(body, separator)
		}
		if p.binary {
			body = append(body, binaryPrefix)
			body = base64.StdEncoding.AppendEncode(body, p.data)
			continue
		}
		body = append(body, p.kind)
		body = append(body, p.data...)
	}
	return body
}
