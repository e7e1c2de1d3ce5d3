package wire

import (
	"encoding/base64"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"socketiojwt/internal/wirejson"
	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio"
)

// Streams is the wire of the streams adapter 0.3. The zero Prefix means "socket.io". It is the
// name of the stream too. Count is the number of streams; zero means one.
type Streams struct {
	Prefix, UID string
	Count       int
}

func (w Streams) cluster() cluster { return cluster{w.Prefix, w.UID} }

// All returns the pub/sub channel of requests to all nodes.
func (w Streams) All(namespace string) string { return w.cluster().all(namespace) }

// ResponsesTo returns the pub/sub channel of responses to one node.
func (w Streams) ResponsesTo(namespace, uid string) string { return w.cluster().room(namespace, uid) }

// Stream returns the name of the stream of a namespace.
func (w Streams) Stream(namespace string) string {
	if w.Count <= 1 {
		return w.name()
	}
	var hash int32
	for _, unit := range utf16.Encode([]rune(namespace)) {
		hash = hash*31 + int32(unit)
	}
	// Node writes to -(|hash| mod Count) if the hash is negative, and no Node reads that.
	index := int(hash) % w.Count
	return w.name() + "-" + strconv.Itoa(max(index, -index))
}

// ReadNames returns the names of all streams to read. They include those to which Node writes
// by mistake.
func (w Streams) ReadNames() []string {
	if w.Count <= 1 {
		return []string{w.name()}
	}
	var list []string
	for i := range w.Count {
		list = append(list, w.name()+"-"+strconv.Itoa(i))
		if i > 0 {
			list = append(list, w.name()+"-"+strconv.Itoa(-i))
		}
	}
	return list
}

func (w Streams) name() string {
	if w.Prefix == "" {
		return "socket.io"
	}
	return w.Prefix
}

// InStream reports whether a message is added to the stream. Others are published.
func (w Streams) InStream(m *socketio.Message) bool {
	switch m.Kind {
	case socketio.KindBroadcast:
		return m.Request == ""
	case socketio.KindJoin, socketio.KindLeave, socketio.KindDisconnect:
		return true
	}
	return false
}

// Entry returns the fields and values of the entry to add for a message.
func (w Streams) Entry(m *socketio.Message) (fields []string, err error) {
	if err := checkSendable(m); err != nil {
		return nil, err
	}
	data, err := w.cluster().appendData(make([]byte, 0, 96+len(m.Data)), m)
	if err != nil {
		return nil, err
	}
	text := string(data)
	if binary(m) {
		packed, err := msgpack.Append(nil, data, m.Attachments)
		if err != nil {
			return nil, err
		}
		text = base64.StdEncoding.EncodeToString(packed)
	}
	return []string{"uid", w.UID, "nsp", m.Namespace, "type", strconv.Itoa(int(m.Kind)), "data", text}, nil
}

// DecodeEntry decodes an entry. Its namespace is in the result.
func (w Streams) DecodeEntry(fields map[string]string) (Received, error) {
	if fields["uid"] == w.UID {
		return Received{}, ErrOwn
	}
	kind, err := strconv.Atoi(fields["type"])
	if err != nil || fields["nsp"] == "" || !utf8.ValidString(fields["nsp"]) || !utf8.ValidString(fields["uid"]) {
		return Received{}, ErrMalformed
	}
	data, attachments, err := readEntryData(fields["data"])
	if err != nil {
		return Received{}, err
	}
	m, err := w.cluster().decodeData(fields["nsp"], fields["uid"], kind, data, attachments)
	if err == nil && !w.InStream(&m.Message) {
		return Received{}, ErrMalformed
	}
	return m, err
}

// readEntryData reads the data of an entry, which is JSON, or base64 of MessagePack.
func readEntryData(text string) (data []byte, attachments [][]byte, err error) {
	if text != "" && text[0] == '{' {
		if data = []byte(text); !wirejson.ValidPeerObject(data, maxDepth) {
			return nil, nil, ErrMalformed
		}
		return data, nil, nil
	}
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, nil, ErrMalformed
	}
	if data, attachments, err = msgpack.Decode(packed); err != nil {
		return nil, nil, ErrMalformed
	}
	return data, attachments, nil
}

// Encode returns what to publish for a message that is not added to the stream.
func (w Streams) Encode(m *socketio.Message) (channel string, payload []byte, err error) {
	if err := checkSendable(m); err != nil {
		return "", nil, err
	}
	if payload, err = w.cluster().encode(m, true); err != nil {
		return "", nil, err
	}
	return w.All(m.Namespace), payload, nil
}

// EncodeReply returns what to publish as a reply to a node that is not a Go node.
func (w Streams) EncodeReply(to socketio.NodeID, m *socketio.Message) (channel string, payload []byte, err error) {
	if payload, err = w.cluster().encodeReply(m, true); err != nil {
		return "", nil, err
	}
	return w.ResponsesTo(m.Namespace, string(to)), payload, nil
}

// Decode decodes a message of any channel of a namespace.
func (w Streams) Decode(namespace string, payload []byte) (Received, error) {
	return w.cluster().decode(namespace, payload)
}
