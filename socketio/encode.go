package socketio

import (
	"errors"
	"sync"

	"socketiojwt/engineio"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

// encoder makes packets.
type encoder struct {
	*wirejson.Encoder
	head []byte
}

// longestKept bounds the buffers that are kept for the next packet.
const longestKept = 64 << 10

var encoders = sync.Pool{New: func() any {
	return &encoder{Encoder: wirejson.NewEncoder(func(r Raw) ([]byte, [][]byte) { return r.value, r.attachments })}
}}

// body is the encoded array of an event, without the head that names its namespace.
type body struct {
	array       []byte
	attachments [][]byte
}

// encodeEvent makes an EVENT or BINARY_EVENT packet, and returns its body too, which is
// part of it.
func encodeEvent(namespace string, ackID uint64, wantsAck bool, event string, args []any) (*engineio.Message, body, error) {
	if event == "" || packet.Reserved(event) {
		return nil, body{}, ErrEventName
	}
	e := encoders.Get().(*encoder)
	defer e.release()
	if err := e.write(event, args); err != nil {
		return nil, body{}, err
	}
	written := body{e.JSON(), e.Attachments()}
	m, array := written.packet(packet.Event, packet.BinaryEvent, namespace, ackID, wantsAck, &e.head)
	return m, body{array, written.attachments}, nil
}

// message makes an EVENT or BINARY_EVENT packet of the body.
func (b body) message(namespace string, ackID uint64, wantsAck bool) *engineio.Message {
	m, _ := b.packet(packet.Event, packet.BinaryEvent, namespace, ackID, wantsAck, new([]byte))
	return m
}

// encodeAck makes an ACK or BINARY_ACK packet.
func encodeAck(namespace string, ackID uint64, args []any) (*engineio.Message, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	if err := e.write("", args); err != nil {
		return nil, err
	}
	m, _ := body{e.JSON(), e.Attachments()}.packet(packet.Ack, packet.BinaryAck, namespace, ackID, true, &e.head)
	return m, nil
}

// connected answers the CONNECT of the socket. The answer to a legacy client has no
// id, because the client knows it.
func (s *Socket) connected() *engineio.Message {
	b := make([]byte, 0, len(s.name)+len(s.id)+16)
	b = packet.Packet{Type: packet.Connect, Namespace: s.name}.AppendHead(b)
	if !s.conn.legacy() {
		b = append(b, `{"sid":"`...)
		b = append(b, s.id...)
		b = append(b, `"}`...)
	}
	return engineio.NewMessage(b)
}

// connectError refuses the CONNECT of the socket with {"message":...,"data":...}. A
// legacy client gets only the data or, if there is none, only the message. Data that
// cannot be encoded is left out, and the error returned.
func (s *Socket) connectError(message string, data any) (*engineio.Message, error) {
	b := packet.Packet{Type: packet.ConnectError, Namespace: s.name}.AppendHead(nil)
	head := len(b)
	quoted, err := wirejson.AppendQuote(nil, message) // replaces invalid UTF-8 and says so
	var encoded []byte
	if data != nil {
		var dataErr error
		encoded, dataErr = wirejson.Stringify(data)
		if dataErr != nil {
			encoded = nil
		}
		err = errors.Join(err, dataErr)
	}
	switch {
	case s.conn.legacy() && encoded != nil:
		b = append(b, encoded...)
	case s.conn.legacy():
		b = append(b, quoted...)
	default:
		b = append(append(b, `{"message":`...), quoted...)
		if encoded != nil {
			b = append(append(b, `,"data":`...), encoded...)
		}
		b = append(b, '}')
	}
	return engineio.NewJSONMessage(head, b), err
}

// encodeDisconnect makes the packet that ends a socket and leaves the
// connection.
func encodeDisconnect(namespace string) *engineio.Message {
	return engineio.NewMessage(packet.Packet{Type: packet.Disconnect, Namespace: namespace}.AppendHead(nil))
}

// write encodes the array of args, after the event's name unless it is empty.
func (e *encoder) write(event string, args []any) (err error) {
	if event == "" {
		err = e.Arguments(args)
	} else {
		err = e.Event(event, args)
	}
	if errors.Is(err, wirejson.ErrPlaceholder) {
		return ErrPlaceholder
	}
	return err
}

// packet makes a packet, which copies the array, and returns its copy of the array. It
// uses buf, which may be empty.
func (b body) packet(text, binary packet.Type, namespace string, ackID uint64, hasAck bool, buf *[]byte) (*engineio.Message, []byte) {
	head := packet.Packet{Type: text, Attachments: len(b.attachments), Namespace: namespace, AckID: ackID, HasAck: hasAck}
	if len(b.attachments) > 0 {
		head.Type = binary
	}
	*buf = head.AppendHead((*buf)[:0])
	whole := make([]byte, 0, len(*buf)+len(b.array))
	whole = append(whole, *buf...)
	whole = append(whole, b.array...)
	n := len(*buf)
	return engineio.NewJSONMessage(n, whole, b.attachments...), whole[n:]
}

func (e *encoder) release() {
	if e.Cap() > longestKept {
		return
	}
	e.Reset()
	encoders.Put(e)
}
