package socketio

import (
	"bytes"
	"errors"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"socketiojwt/engineio"
	"socketiojwt/socketio/internal/packet"
)

// encoder writes arguments as JSON and takes their []byte out as attachments.
type encoder struct {
	json        bytes.Buffer
	head        []byte
	attachments [][]byte
	options     json.Options
}

// longestKept bounds the buffers that are kept for the next packet.
const longestKept = 64 << 10

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.options = json.JoinOptions(
		jsonv1.DefaultOptionsV1(),
		jsontext.EscapeForHTML(false), // as JSON.stringify
		jsontext.EscapeForJS(false),
		// Spelled one way, so that nothing hides from the count in encode.
		jsontext.PreserveRawStrings(false),
		json.WithMarshalers(json.JoinMarshalers(
			json.MarshalToFunc(e.bytes),
			json.MarshalToFunc(e.raw),
		)))
	return e
}}

// encodeEvent makes an EVENT or BINARY_EVENT packet.
func encodeEvent(namespace string, ackID uint64, wantsAck bool, event string, args []any) (*engineio.Message, error) {
	if event == "" || packet.Reserved(event) {
		return nil, ErrEventName
	}
	e := encoders.Get().(*encoder)
	defer e.release()
	e.json.WriteByte('[')
	name, err := jsontext.AppendQuote(e.json.AvailableBuffer(), event)
	if err != nil {
		return nil, err
	}
	e.json.Write(name)
	if err := e.arguments(args, true); err != nil {
		return nil, err
	}
	return e.message(packet.Event, packet.BinaryEvent, namespace, ackID, wantsAck), nil
}

// encodeAck makes an ACK or BINARY_ACK packet.
func encodeAck(namespace string, ackID uint64, args []any) (*engineio.Message, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	e.json.WriteByte('[')
	if err := e.arguments(args, false); err != nil {
		return nil, err
	}
	return e.message(packet.Ack, packet.BinaryAck, namespace, ackID, true), nil
}

// connected answers the CONNECT of the socket: in revision 4 of the protocol by
// nothing else, since the peer knows its id.
func (s *Socket) connected() *engineio.Message {
	b := make([]byte, 0, len(s.name)+len(s.id)+16)
	b = packet.Packet{Type: packet.Connect, Namespace: s.name}.AppendHead(b)
	if !s.conn.revision4() {
		b = append(b, `{"sid":"`...)
		b = append(b, s.id...)
		b = append(b, `"}`...)
	}
	return engineio.NewMessage(b)
}

// connectError refuses the CONNECT of the socket: by {"message":...,"data":...}, in
// revision 4 of the protocol by the data alone, or else the message. Data that cannot
// be encoded is left out, with the error.
func (s *Socket) connectError(message string, data any) (*engineio.Message, error) {
	b := packet.Packet{Type: packet.ConnectError, Namespace: s.name}.AppendHead(nil)
	head := len(b)
	quoted, err := jsontext.AppendQuote(nil, message) // replaces invalid UTF-8 and says so
	var encoded []byte
	if data != nil {
		var dataErr error
		encoded, dataErr = json.Marshal(data, jsonv1.DefaultOptionsV1(), jsontext.EscapeForHTML(false), jsontext.EscapeForJS(false))
		if dataErr != nil {
			encoded = nil
		}
		err = errors.Join(err, dataErr)
	}
	switch {
	case s.conn.revision4() && encoded != nil:
		b = append(b, encoded...)
	case s.conn.revision4():
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

// arguments appends args and the closing bracket.
func (e *encoder) arguments(args []any, comma bool) error {
	for _, arg := range args {
		if comma {
			e.json.WriteByte(',')
		}
		comma = true
		if err := json.MarshalWrite(&e.json, arg, e.options); err != nil {
			return err
		}
	}
	e.json.WriteByte(']')
	// A peer reads every object that looks like a placeholder as one. Passing
	// on such an object beside real attachments would hand it something else, or
	// break its connection.
	if len(e.attachments) > 0 && bytes.Count(e.json.Bytes(), []byte(`"_placeholder"`)) != len(e.attachments) {
		return ErrPlaceholder
	}
	return nil
}

// bytes marshals a []byte as the placeholder of an attachment.
func (e *encoder) bytes(enc *jsontext.Encoder, b []byte) error {
	if b == nil {
		return errors.ErrUnsupported // null, as encoding/json has it
	}
	// The packet may wait in a queue, and the caller may use b again.
	return e.attach(enc, bytes.Clone(b))
}

func (e *encoder) attach(enc *jsontext.Encoder, b []byte) error {
	err := enc.WriteValue(appendPlaceholder(nil, len(e.attachments)))
	e.attachments = append(e.attachments, b)
	return err
}

// raw marshals a Raw untouched, its placeholders counted anew.
func (e *encoder) raw(enc *jsontext.Encoder, r Raw) error {
	if len(r.attachments) == 0 {
		return enc.WriteValue(r.value)
	}
	out := make([]byte, 0, len(r.value)+8)
	copied := 0
	eachPlaceholder(r.value, func(start, end, num int) bool {
		out = append(out, r.value[copied:start]...)
		out = appendPlaceholder(out, len(e.attachments))
		e.attachments = append(e.attachments, r.attachments[num])
		copied = end
		return true
	})
	return enc.WriteValue(append(out, r.value[copied:]...))
}

func appendPlaceholder(b []byte, num int) []byte {
	b = append(b, `{"_placeholder":true,"num":`...)
	b = strconv.AppendInt(b, int64(num), 10)
	return append(b, '}')
}

// message copies the packet out of the encoder.
func (e *encoder) message(text, binary packet.Type, namespace string, ackID uint64, hasAck bool) *engineio.Message {
	head := packet.Packet{Type: text, Attachments: len(e.attachments), Namespace: namespace, AckID: ackID, HasAck: hasAck}
	if len(e.attachments) > 0 {
		head.Type = binary
	}
	e.head = head.AppendHead(e.head[:0])
	b := make([]byte, 0, len(e.head)+e.json.Len())
	b = append(b, e.head...)
	b = append(b, e.json.Bytes()...)
	return engineio.NewJSONMessage(len(e.head), b, e.attachments...)
}

func (e *encoder) release() {
	if e.json.Cap() > longestKept {
		return
	}
	e.json.Reset()
	e.attachments = nil
	encoders.Put(e)
}
