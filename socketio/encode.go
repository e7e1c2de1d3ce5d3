package socketio

import (
	"bytes"
	"errors"
	"sync"

	"socketiojwt/engineio"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

// encoder encodes packets.
type encoder struct {
	*wirejson.Encoder
	lost bool // a Bus that has panicked, or ended its goroutine, may still read what was written
}

// longestKept bounds the buffers that are reused for later packets.
const longestKept = 64 << 10

var encoders = sync.Pool{New: func() any {
	return &encoder{Encoder: wirejson.NewEncoder(func(r Raw) ([]byte, [][]byte) { return r.value, r.attachments })}
}}

// body is the encoded array of an event, without the head with the namespace.
type body struct {
	array       []byte
	attachments [][]byte
}

// encodeEvent encodes an EVENT or BINARY_EVENT packet. It also returns the packet's body.
func encodeEvent(namespace string, ackID uint64, wantsAck bool, event string, args []any) (*engineio.Message, body, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	written, err := e.event(event, args)
	if err != nil {
		return nil, body{}, err
	}
	m, array := written.packet(packet.Event, packet.BinaryEvent, namespace, ackID, wantsAck)
	return m, body{array, written.attachments}, nil
}

// event encodes the array of an event. The body is valid until release.
func (e *encoder) event(event string, args []any) (body, error) {
	if event == "" || packet.Reserved(event) {
		return body{}, ErrEventName
	}
	if err := e.write(event, args); err != nil {
		return body{}, err
	}
	return body{e.JSON(), e.Attachments()}, nil
}

// kept returns the body for use after the release of its encoder.
func (b body) kept() body { return body{bytes.Clone(b.array), b.attachments} }

// message makes an EVENT or BINARY_EVENT packet with a copy of this body.
func (b body) message(namespace string, ackID uint64, wantsAck bool) *engineio.Message {
	m, _ := b.packet(packet.Event, packet.BinaryEvent, namespace, ackID, wantsAck)
	return m
}

// encodeAck encodes an ACK or BINARY_ACK packet.
func encodeAck(namespace string, ackID uint64, args []any) (*engineio.Message, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	if err := e.write("", args); err != nil {
		return nil, err
	}
	m, _ := body{e.JSON(), e.Attachments()}.packet(packet.Ack, packet.BinaryAck, namespace, ackID, true)
	return m, nil
}

// connected returns the answer to the CONNECT of the socket. Pid is empty if the socket cannot
// be recovered. The answer to a legacy client has no id, because the client already knows it.
func (s *Socket) connected(pid string) *engineio.Message {
	id := s.ID()
	b := make([]byte, 0, len(s.name)+len(id)+len(pid)+32)
	b = packet.Packet{Type: packet.Connect, Namespace: s.name}.AppendHead(b)
	if !s.conn.legacy() {
		b = append(append(b, `{"sid":"`...), id...)
		if pid != "" {
			b = append(append(b, `","pid":"`...), pid...)
		}
		b = append(b, `"}`...)
	}
	return engineio.NewMessage(b)
}

// connectError returns a CONNECT_ERROR packet with {"message":...,"data":...}. A legacy client
// gets only the data or, if there is none, only the message. If data cannot be encoded, it is
// left out and the error is returned.
func (s *Socket) connectError(message string, data any) (*engineio.Message, error) {
	b := packet.Packet{Type: packet.ConnectError, Namespace: s.name}.AppendHead(nil)
	head := len(b)
	quoted, err := wirejson.AppendQuote(nil, message) // replaces invalid UTF-8 and reports it as an error
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

// encodeDisconnect returns the packet that ends a socket and keeps the connection.
func encodeDisconnect(namespace string) *engineio.Message {
	return engineio.NewMessage(packet.Packet{Type: packet.Disconnect, Namespace: namespace}.AppendHead(nil))
}

// write encodes the array of args. If event is not empty, it is the first member.
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

// packet returns a packet and the part of it that is a copy of the array.
func (b body) packet(text, binary packet.Type, namespace string, ackID uint64, hasAck bool) (*engineio.Message, []byte) {
	head := packet.Packet{Type: text, Attachments: len(b.attachments), Namespace: namespace, AckID: ackID, HasAck: hasAck}
	if len(b.attachments) > 0 {
		head.Type = binary
	}
	var buffer [longestHead]byte
	m := engineio.JoinJSONMessage(head.AppendHead(buffer[:0]), b.array, b.attachments...)
	return m, m.JSON()
}

func (e *encoder) release() {
	if e.lost || e.Cap() > longestKept {
		return
	}
	e.Reset()
	encoders.Put(e)
}
