package engineio

import (
	"encoding/base64"
	"net/http"
)

// A codec is the protocol as one peer speaks it on one transport: codec4 for revision
// 4, legacy for revision 3. The rest of the package asks the codec and never asks which
// revision it is (docs/adr/0035-one-codec.md). A codec does not change.
type codec interface {
	// rules returns what differs between the revisions besides the form of packets.
	rules() *rules
	// later returns the codec for a later request of a session by polling. The receiver
	// is the session's codec, asked is the one that the request's own query names. It
	// returns nil if the request does not fit the session.
	later(asked codec) codec
	// originShown reports whether the origin rule can judge r, which it has let in: a
	// page cannot have sent r without its origin being known.
	originShown(r *http.Request) bool

	// frames returns the WebSocket frames of m.
	frames(m *Message) []byte
	// deflated returns where m keeps those frames with their payloads compressed.
	deflated(m *Message) *onceBytes
	// parseFrame parses the packet in a WebSocket message.
	parseFrame(kind frameKind, data []byte) (packet, error)

	// payload returns the response of a poll with the packets of queue in its body.
	payload(queue []*Message) (contentType string, body []byte)
	// readPayload passes the packets in the body of a POST to receive, until receive
	// fails or a packet is invalid. It returns an error for more than limit packets.
	// The body is binary if its media type is application/octet-stream.
	readPayload(body []byte, binary bool, limit int, receive func(packet) error) error
	// readLongPayload is readPayload for a body that is not kept as a whole.
	readLongPayload(b *postReader) error
}

// rules is what differs between the revisions besides the form of packets.
type rules struct {
	revision int // EIO in the peer's requests
	// peerPings reverses the heartbeat: the peer sends the pings, and the server answers.
	peerPings bool
	// publicID means that the peer shows the session's ID to others, so that knowing it
	// must not be enough to take part in the session.
	publicID bool
	// binaryPosts allows POSTs of type application/octet-stream.
	binaryPosts bool
	// credentials means that the clients always ask the browser to send credentials,
	// which then requires CORS headers that allow it.
	credentials bool
}

// codec4 is revision 4.
type codec4 struct {
	base64 bool // by WebSocket, the peer takes binary data only as base64, as it is by polling in any case
}

var rules4 = rules{revision: 4}

func (codec4) rules() *rules { return &rules4 }

func (c codec4) later(asked codec) codec {
	if _, ok := asked.(codec4); !ok {
		return nil
	}
	return c
}

func (codec4) originShown(*http.Request) bool { return true }

func (c codec4) frames(m *Message) []byte {
	if !c.base64 || len(m.attachments) == 0 {
		return m.frames()
	}
	return m.rareForms().base64Frames4.get(func() []byte { return appendBase64Frames(nil, m, string(binaryPrefix)) })
}

func (c codec4) deflated(m *Message) *onceBytes {
	if !c.base64 || len(m.attachments) == 0 {
		return &m.rareForms().deflatedFrames
	}
	return &m.rareForms().deflatedBase64Frames4
}

// parseFrame parses a text packet as one of a payload, because clients with the option
// forceBase64 send binary data by WebSocket in the form that it has in a payload.
func (codec4) parseFrame(kind frameKind, data []byte) (packet, error) {
	if kind == textFrame {
		return parsePayloadPacket(data)
	}
	return packet{kind: packetMessage, binary: true, data: data}, nil
}

func (codec4) payload(queue []*Message) (contentType string, body []byte) {
	return textPayload, joinPayload(queue)
}

func (codec4) readPayload(body []byte, _ bool, limit int, receive func(packet) error) error {
	return readPayload(body, limit, receive)
}

func (codec4) readLongPayload(b *postReader) error { return b.packets() }

// textPayload is the media type of payloads of text.
const textPayload = "text/plain; charset=UTF-8"

// appendBase64Frames appends the frames of m with binary data as text: prefix, then the
// data in base64.
func appendBase64Frames(dst []byte, m *Message, prefix string) []byte {
	if m.text != nil {
		dst = appendFrame(dst, serverSide, textFrame, string(m.kind), m.text)
	}
	for _, data := range m.attachments {
		dst = appendFrame(dst, serverSide, textFrame, prefix, base64.StdEncoding.AppendEncode(nil, data))
	}
	return dst
}
