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

// encodeEvent makes an EVENT or BINARY_EVENT packet.
func encodeEvent(namespace string, ackID uint64, wantsAck bool, event string, args []any) (*engineio.Message, error) {
	if event == "" || packet.Reserved(event) {
		return nil, ErrEventName
	}
	e := encoders.Get().(*encoder)
	defer e.release()
	if err := e.write(event, args); err != nil {
		return nil, err
	}
	return e.message(packet.Event, packet.BinaryEvent, namespace, ackID, wantsAck), nil
}

// encodeAck makes an ACK or BINARY_ACK packet.
func encodeAck(namespace string, ackID uint64, args []any) (*engineio.Message, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	if err := e.write("", args); err != nil {
		return nil, err
	}
	return e.message(packet.Ack, packet.BinaryAck, namespace, ackID, true), nil
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

// message copies the packet out of the encoder.
func (e *encoder) message(text, binary packet.Type, namespace string, ackID uint64, hasAck bool) *engineio.Message {
	attachments := e.Attachments()
	head := packet.Packet{Type: text, Attachments: len(attachments), Namespace: namespace, AckID: ackID, HasAck: hasAck}
	if len(attachments) > 0 {
		head.Type = binary
	}
	e.head = head.AppendHead(e.head[:0])
	b := make([]byte, 0, len(e.head)+len(e.JSON()))
	b = append(b, e.head...)
	b = append(b, e.JSON()...)
	return engineio.NewJSONMessage(len(e.head), b, attachments...)
}

func (e *encoder) release() {
	if e.Cap() > longestKept {
		return
	}
	e.Reset()
	encoders.Put(e)
}
