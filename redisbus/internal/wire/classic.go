package wire

import (
	"bytes"
	"strconv"

	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio"
)

// Classic is the wire of the classic adapter. The zero Prefix means "socket.io". The emitter has
// the UID NoNode.
type Classic struct{ Prefix, UID string }

// The types of requests and responses.
const (
	typeSockets    = 0
	typeAllRooms   = 1
	typeJoin       = 2
	typeLeave      = 3
	typeDisconnect = 4
	typeFetch      = 5
	typeServerSide = 6
	typeBroadcast  = 7
	typeCount      = 8
	typeAnswer     = 9
)

// All returns the channel of broadcasts to all sockets of a namespace, and to several rooms.
func (w Classic) All(namespace string) string { return prefixed(w.Prefix, "", namespace) }

// Room returns the channel of broadcasts to one room.
func (w Classic) Room(namespace, room string) string { return prefixed(w.Prefix, "", namespace, room) }

// Requests returns the channel of requests.
func (w Classic) Requests(namespace string) string { return prefixed(w.Prefix, "-request", namespace) }

// Responses returns the channel of responses to all nodes.
func (w Classic) Responses(namespace string) string {
	return prefixed(w.Prefix, "-response", namespace)
}

// ResponsesTo returns the channel of responses to one node.
func (w Classic) ResponsesTo(namespace, uid string) string {
	return prefixed(w.Prefix, "-response", namespace, uid)
}

// Encode returns what to publish for a message.
func (w Classic) Encode(m *socketio.Message) (channel string, payload []byte, err error) {
	b, start, err := w.EncodeTogether(m)
	if err != nil {
		return "", nil, err
	}
	return string(b[:start]), b[start:], nil
}

// EncodeTogether is Encode with both results in one slice. The payload begins at start.
func (w Classic) EncodeTogether(m *socketio.Message) (b []byte, start int, err error) {
	if err := checkSendable(m); err != nil {
		return nil, 0, err
	}
	if m.Kind != socketio.KindBroadcast || m.Request != "" {
		payload, err := w.encodeRequest(m)
		if err != nil {
			return nil, 0, err
		}
		b = appendPrefixed(nil, w.Prefix, "-request", m.Namespace)
		return append(b, payload...), len(b), nil
	}
	rooms := m.To.Rooms
	if len(rooms) != 1 {
		rooms = nil
	}
	b = appendPrefixed(make([]byte, 0, w.sizeOfBroadcast(m)), w.Prefix, "", m.Namespace, rooms...)
	start = len(b)
	b, err = w.appendBroadcast(b, m)
	return b, start, err
}

// encodeRequest returns a request, which is JSON unless the event has binary data or wants
// answers.
func (w Classic) encodeRequest(m *socketio.Message) ([]byte, error) {
	b := make([]byte, 0, 160+len(m.Data))
	b = append(b, '{')
	if w.UID != string(NoNode) || m.Kind == socketio.KindServerSide {
		b = append(b, `"uid":`...)
		b = appendString(b, w.UID)
		b = append(b, ',')
	}
	if m.Request != "" {
		b = append(b, `"requestId":`...)
		b = appendString(b, requestID(w.UID, m))
		b = append(b, ',')
	}
	b = append(b, `"type":`...)
	b = strconv.AppendInt(b, int64(requestType(m.Kind)), 10)
	b, err := appendRequest(b, m)
	if err != nil {
		return nil, err
	}
	if m.Request != "" {
		b = append(b, `,"go":`+asksGo...)
	}
	b = append(b, '}')
	if m.Kind == socketio.KindBroadcast || m.Kind == socketio.KindServerSide && len(m.Attachments) > 0 {
		return msgpack.Append(make([]byte, 0, len(b)), b, m.Attachments)
	}
	return b, nil
}

func requestType(kind socketio.MessageKind) int {
	switch kind {
	case socketio.KindJoin:
		return typeJoin
	case socketio.KindLeave:
		return typeLeave
	case socketio.KindDisconnect:
		return typeDisconnect
	case socketio.KindFetch:
		return typeFetch
	case socketio.KindServerSide:
		return typeServerSide
	}
	return typeBroadcast
}

// appendRequest appends the members of a request that depend on its type.
func appendRequest(b []byte, m *socketio.Message) ([]byte, error) {
	switch m.Kind {
	case socketio.KindServerSide:
		return append(append(b, `,"data":`...), m.Data...), nil
	case socketio.KindBroadcast:
		b = append(b, `,"packet":{"type":2,"data":`...)
		b = append(b, m.Data...)
		b = append(b, `,"nsp":`...)
		b = appendString(b, m.Namespace)
		b = append(b, `},"opts":`...)
		return appendOptions(b, m), nil
	}
	b = append(b, `,"opts":`...)
	b = append(appendRooms(b, m.To), '}')
	switch m.Kind {
	case socketio.KindJoin, socketio.KindLeave:
		b = append(b, `,"rooms":`...)
		return appendNames(b, m.Rooms), nil
	case socketio.KindDisconnect:
		b = append(b, `,"close":`...)
		return appendEnding(appendBool(b, m.WholeConnection), m)
	}
	return b, nil
}

// EncodeReply returns what to publish as a reply to a node that is not a Go node. Request is as
// it was received.
func (w Classic) EncodeReply(to socketio.NodeID, m *socketio.Message) (channel string, payload []byte, err error) {
	if m.Request == "" || m.Ended {
		return "", nil, ErrNobody
	}
	channel = w.Responses(m.Namespace)
	if to != "" && to != NoNode && m.Kind != socketio.KindServerSideAnswer {
		channel = w.ResponsesTo(m.Namespace, string(to))
	}
	id, _ := Asker(m.Request)
	payload, err = encodeResponse(id, m)
	if err != nil {
		return "", nil, err
	}
	return channel, payload, nil
}

func encodeResponse(id string, m *socketio.Message) ([]byte, error) {
	switch m.Kind {
	case socketio.KindSockets:
		b := append(make([]byte, 0, 64+512*len(m.Sockets)), `{"requestId":`...)
		b = append(appendString(b, id), `,"sockets":`...)
		if m.Request[0] == askerSockets {
			return append(appendIDs(b, m.Sockets), '}'), nil
		}
		return append(appendSockets(b, m.Sockets), '}'), nil
	case socketio.KindCount:
		b := appendTyped(typeCount, id)
		b = append(b, `,"clientCount":`...)
		return append(strconv.AppendInt(b, int64(m.Count), 10), '}'), nil
	case socketio.KindAnswer:
		b, err := appendValue(appendTyped(typeAnswer, id), `,"packet":`, m)
		if err != nil {
			return nil, err
		}
		return msgpack.Append(nil, append(b, '}'), m.Attachments)
	case socketio.KindServerSideAnswer:
		b, err := appendValue(appendTyped(typeServerSide, id), `,"data":`, m)
		if err != nil {
			return nil, err
		}
		if b = append(b, '}'); len(m.Attachments) == 0 {
			return b, nil
		}
		return msgpack.Append(nil, b, m.Attachments)
	}
	return nil, ErrGoOnly
}

func appendTyped(kind int, id string) []byte {
	b := append(make([]byte, 0, 64), `{"type":`...)
	b = strconv.AppendInt(b, int64(kind), 10)
	b = append(b, `,"requestId":`...)
	return appendString(b, id)
}

// appendValue appends a member with the first value of an answer, if it has one.
func appendValue(b []byte, name string, m *socketio.Message) ([]byte, error) {
	value, err := first(m.Data)
	if err != nil || value == nil {
		return b, err
	}
	return append(append(b, name...), value...), nil
}

// EncodeRooms returns what to publish as a reply to a request with AllRooms.
func (w Classic) EncodeRooms(to *Received, rooms []string) (channel string, payload []byte) {
	id, _ := Asker(to.Request)
	payload = append(payload, `{"requestId":`...)
	payload = append(appendString(payload, id), `,"rooms":`...)
	return w.confirmTo(to), append(appendNames(payload, rooms), '}')
}

// EncodeConfirm returns what to publish when a request with Confirm has been carried out.
func (w Classic) EncodeConfirm(to *Received) (channel string, payload []byte) {
	id, _ := Asker(to.Request)
	return w.confirmTo(to), append(appendString([]byte(`{"requestId":`), id), '}')
}

func (w Classic) confirmTo(to *Received) string {
	if to.From == NoNode {
		return w.Responses(to.Namespace)
	}
	return w.ResponsesTo(to.Namespace, string(to.From))
}

// PeekUID returns the uid of a broadcast, without decoding the rest.
func PeekUID(payload []byte) (uid []byte, ok bool) {
	r := msgpack.NewReader(payload)
	if r.Array() == 0 {
		return nil, false
	}
	uid = r.Key()
	return uid, uid != nil
}

// isOwn reports whether a broadcast is one of this node.
func (w Classic) isOwn(payload []byte) bool {
	uid, ok := PeekUID(payload)
	return ok && bytes.Equal(uid, []byte(w.UID))
}
