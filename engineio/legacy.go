package engineio

import (
	"net/http"
	"net/url"
	"strings"
)

// legacy is the codec of revision 3, which the clients of Socket.IO 1 and 2 speak. Only
// Options.AllowEIO3 allows it (docs/adr/0012-clients-of-socket-io-1-and-2.md). Text
// packets have the same form as in revision 4.
type legacy struct {
	base64 bool // the peer takes binary data only as base64
	// callback is the number of the function that the response must call (jsonp.go).
	// It is empty without JSONP. In the codec of a session it only says that the
	// session began by JSONP.
	callback string
}

// newLegacy returns the codec that the query of a request names, or a refusal.
func newLegacy(query url.Values) (legacy, *refusal) {
	callback := query.Get("j")
	if !isCallback(callback) { // it becomes part of a script
		return legacy{}, refuseBadRequest
	}
	return legacy{base64: query.Get("b64") != "" || callback != "", callback: strings.Clone(callback)}, nil
}

var legacyRules = rules{revision: 3, peerPings: true, publicID: true, binaryPosts: true, credentials: true}

func (legacy) rules() *rules { return &legacyRules }

func (c legacy) later(asked codec) codec {
	l, ok := asked.(legacy)
	if !ok || l.callback != "" && c.callback == "" {
		return nil
	}
	c.callback = l.callback
	return c
}

// originShown reports false for a script of a browser that is too old for
// Sec-Fetch-Site: any page can load a script, and the request has no Origin.
func (c legacy) originShown(r *http.Request) bool {
	return c.callback == "" || r.Header.Get("Sec-Fetch-Site") != ""
}

func (c legacy) frames(m *Message) []byte {
	switch {
	case len(m.attachments) == 0:
		return m.frames()
	case c.base64:
		return m.rareForms().legacyBase64Frames.get(func() []byte { return appendBase64Frames(nil, m, legacyBase64Prefix) })
	default:
		return m.rareForms().legacyFrames.get(func() []byte { return appendTypedFrames(nil, m) })
	}
}

func (c legacy) deflated(m *Message) *onceBytes {
	switch {
	case len(m.attachments) == 0:
		return &m.rareForms().deflatedFrames
	case c.base64:
		return &m.rareForms().deflatedLegacyBase64Frames
	default:
		return &m.rareForms().deflatedLegacyFrames
	}
}

// appendTypedFrames appends the frames of m. The first byte of binary frames is the
// packet's type too (Engine.IO protocol 3, "Packet").
func appendTypedFrames(dst []byte, m *Message) []byte {
	if m.text != nil {
		dst = appendFrame(dst, serverSide, textFrame, string(m.kind), m.text)
	}
	for _, data := range m.attachments {
		dst = appendFrame(dst, serverSide, binaryFrame, typeOfBinary, data)
	}
	return dst
}

// typeOfBinary is the type of binary packets, which are all messages.
const typeOfBinary = string(rune(packetMessage - '0'))

// legacyBase64Prefix begins a binary message that is written as text.
const legacyBase64Prefix = string(binaryPrefix) + string(packetMessage)

func (legacy) parseFrame(kind frameKind, data []byte) (packet, error) {
	if kind == textFrame {
		return parseLegacyText(data)
	}
	return parseLegacyBinary(data)
}

// parseLegacyText parses a packet received as text. It may be binary data in base64.
func parseLegacyText(text []byte) (packet, error) {
	if len(text) > 0 && text[0] == binaryPrefix {
		if len(text) == 1 || text[1] != byte(packetMessage) {
			return packet{}, errPacket
		}
		return base64Packet(text[len(legacyBase64Prefix):])
	}
	p, ok := parsePacket(text)
	if !ok {
		return packet{}, errPacket
	}
	return p, nil
}

// parseLegacyBinary parses a packet received as bytes. The first is its type.
func parseLegacyBinary(data []byte) (packet, error) {
	if len(data) == 0 || data[0] != typeOfBinary[0] {
		return packet{}, errPacket
	}
	return packet{kind: packetMessage, binary: true, data: data[1:]}, nil
}

// payload returns a script for a request by JSONP.
func (c legacy) payload(queue []*Message) (contentType string, body []byte) {
	body, binary := joinLegacyPayload(queue, !c.base64)
	switch {
	case c.callback != "":
		return "text/javascript; charset=UTF-8", script(c.callback, body)
	case binary:
		return "application/octet-stream", body
	}
	return textPayload, body
}

func (c legacy) readPayload(body []byte, binary bool, limit int, receive func(packet) error) error {
	if c.callback != "" {
		var err error
		if body, err = formPayload(body); err != nil {
			return err
		}
	}
	return readLegacyPayload(body, binary, limit, receive)
}

// readLongPayload refuses what is too long for a session that is not new.
func (c legacy) readLongPayload(b *postReader) error {
	if !b.frugal {
		return b.tooLong()
	}
	return b.legacyPayload(c)
}
