package engineio

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf16"
	"unicode/utf8"
)

// Message is what one call of Send puts on the wire: one message packet, or a text packet
// followed by the binary packets that belong to it. Nothing is written between the packets
// of a Message.
//
// A Message does not change. It may be sent to any number of sessions, by any number of
// goroutines. Its form for each transport is made at most once, when it is first needed.
// The zero Message is not usable.
type Message struct {
	kind        packetType
	framed      bool   // text is the end of webSocketForm, and the type of the packet stands before it
	json        int32  // where the JSON in text begins; negative if there is none
	text        []byte // nil if the message is only binary
	attachments [][]byte

	webSocketForm onceBytes
	rare          atomic.Pointer[rareForms]
}

// onceBytes is a value that is computed once, when it is first needed.
type onceBytes struct {
	once  sync.Once
	bytes []byte
}

func (o *onceBytes) get(encode func() []byte) []byte {
	o.once.Do(func() { o.bytes = encode() })
	return o.bytes
}

// rareForms are the forms of a Message that few peers need.
type rareForms struct {
	pollingForm         onceBytes // payload of revision 4
	base64Frames4       onceBytes // frames of revision 4, binary data as base64
	legacyFrames        onceBytes // frames of revision 3, binary data as bytes
	legacyBase64Frames  onceBytes // frames of revision 3, binary data as base64
	legacyPayload       onceBytes // payload of text of revision 3
	legacyBinaryPayload onceBytes // payload of bytes of revision 3

	// The frames above, and those of webSocketForm, for peers with permessage-deflate.
	deflatedFrames, deflatedBase64Frames4, deflatedLegacyFrames, deflatedLegacyBase64Frames onceBytes
}

// rareForms returns the rare forms of m, which are not computed yet.
func (m *Message) rareForms() *rareForms {
	if forms := m.rare.Load(); forms != nil {
		return forms
	}
	m.rare.CompareAndSwap(nil, new(rareForms))
	return m.rare.Load()
}

// NewMessage returns a message of a text, which must be UTF-8, and of the binary data that
// follows it. The caller must not change the slices afterwards.
func NewMessage(text []byte, attachments ...[]byte) *Message {
	if text == nil {
		text = []byte{}
	}
	return &Message{kind: packetMessage, text: text, attachments: attachments, json: -1}
}

// NewJSONMessage is NewMessage for a text that is JSON from byte head on. Use it if
// Options.AllowEIO3 may be set: text for peers of revision 3 by polling is then written in
// ASCII, because clients of Socket.IO 1 and of Socket.IO 2 decode other characters in
// different ways.
func NewJSONMessage(head int, text []byte, attachments ...[]byte) *Message {
	m := NewMessage(text, attachments...)
	m.json = int32(min(head, len(text), math.MaxInt32))
	return m
}

// JoinJSONMessage is NewJSONMessage for the text that consists of head and of the JSON in rest. The
// caller may change both afterwards. It allocates less than NewJSONMessage for a message without attachments.
func JoinJSONMessage(head, rest []byte, attachments ...[]byte) *Message {
	if len(attachments) > 0 {
		return NewJSONMessage(len(head), slices.Concat(head, rest), attachments...)
	}
	frame := textFrameOf(packetMessage, head, rest)
	m := &Message{kind: packetMessage, framed: true, json: int32(min(len(head), math.MaxInt32))}
	m.text, m.webSocketForm.bytes = frame[len(frame)-len(head)-len(rest):], frame
	return m
}

// JSON returns the JSON at the end of the text of a message of NewJSONMessage or JoinJSONMessage. It must not be changed.
func (m *Message) JSON() []byte { return m.text[m.json:] }

// NewBinaryMessage returns a binary message with data, which the caller must not change
// afterwards.
func NewBinaryMessage(data []byte) *Message {
	return &Message{kind: packetMessage, attachments: [][]byte{data}, json: -1}
}

// controlPacket returns a packet of the protocol itself, which is queued and written like
// a message.
func controlPacket(kind packetType, data string) *Message {
	return &Message{kind: kind, text: []byte(data), json: -1}
}

// frames returns the WebSocket frames of m, one after the other.
func (m *Message) frames() []byte {
	if m.framed {
		return m.webSocketForm.bytes
	}
	return m.webSocketForm.get(func() []byte { return appendMessageFrames(nil, m.kind, m.text, m.attachments) })
}

// payload returns the packets of m in their form for the body of a poll.
func (m *Message) payload() []byte {
	if m.framed {
		return m.webSocketForm.bytes[len(m.webSocketForm.bytes)-len(m.text)-1:]
	}
	return m.rareForms().pollingForm.get(func() []byte { return appendPayload(nil, m.kind, m.text, m.attachments) })
}

// asciiText returns the text with its JSON in ASCII.
func (m *Message) asciiText() []byte {
	if m.json < 0 || isASCII(m.text[m.json:]) {
		return m.text
	}
	ascii := append(make([]byte, 0, 2*len(m.text)), m.text[:m.json]...)
	for _, r := range string(m.text[m.json:]) {
		switch {
		case r < utf8.RuneSelf:
			ascii = append(ascii, byte(r))
		case r <= 0xffff:
			ascii = appendEscape(ascii, r)
		default:
			high, low := utf16.EncodeRune(r)
			ascii = appendEscape(appendEscape(ascii, high), low)
		}
	}
	return ascii
}

// appendEscape appends a UTF-16 unit as an escape of a JSON string. Package fmt would take
// ten times as long, and a peer may cause much text to be sent.
func appendEscape(dst []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[unit>>12], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

// messageSize is about what a Message keeps in addition to its data.
const messageSize = 160

// Size returns about how many bytes m counts in a queue: see Options.MaxOutbound. It does not
// encode m. It may be called concurrently.
func (m *Message) Size() int {
	n := messageSize + len(m.text)
	for _, data := range m.attachments {
		n += 1 + len(data)
	}
	return n
}
