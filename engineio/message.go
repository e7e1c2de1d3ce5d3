package engineio

import "sync"

// Message is what one call of Send puts on the wire: one message packet, or a
// text packet followed by binary ones that belong to it. Nothing is ever
// written between the packets of a Message.
//
// A Message never changes. It may be sent to any number of sessions, by any
// number of goroutines; each transport's form of it is made at most once, when
// it is first needed. The zero Message is not usable.
type Message struct {
	kind        packetType
	text        []byte // nil when the message is binary alone
	attachments [][]byte

	webSocketForm form
	pollingForm   form
}

// form is a Message as one transport writes it.
type form struct {
	once  sync.Once
	bytes []byte
}

// NewMessage makes a message of a text, which has to be UTF-8, and of the
// binary data that follows it. It takes all slices over: the caller must not
// change them afterwards.
func NewMessage(text []byte, attachments ...[]byte) *Message {
	if text == nil {
		text = []byte{}
	}
	return &Message{kind: packetMessage, text: text, attachments: attachments}
}

// NewBinaryMessage makes a message of binary data alone, which it takes over.
func NewBinaryMessage(data []byte) *Message {
	return &Message{kind: packetMessage, attachments: [][]byte{data}}
}

// controlPacket makes a packet of the protocol itself, which is queued and
// written like a message.
func controlPacket(kind packetType, data string) *Message {
	return &Message{kind: kind, text: []byte(data)}
}

// frames returns the WebSocket frames of m, one after the other.
func (m *Message) frames() []byte {
	m.webSocketForm.once.Do(func() {
		m.webSocketForm.bytes = appendMessageFrames(nil, m.kind, m.text, m.attachments)
	})
	return m.webSocketForm.bytes
}

// payload returns the packets of m as they stand in the body of a poll.
func (m *Message) payload() []byte {
	m.pollingForm.once.Do(func() {
		m.pollingForm.bytes = appendPayload(nil, m.kind, m.text, m.attachments)
	})
	return m.pollingForm.bytes
}

// size tells how many bytes m counts in a queue, without encoding it.
func (m *Message) size() int {
	n := 1 + len(m.text)
	for _, data := range m.attachments {
		n += 1 + len(data)
	}
	return n
}
