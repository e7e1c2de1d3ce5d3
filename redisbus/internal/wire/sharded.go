package wire

import (
	"bytes"
	"unicode/utf16"

	"socketiojwt/socketio"
)

// A Mode says for which rooms the sharded adapter uses channels of their own.
type Mode uint8

// The modes of Node's sharded adapter.
const (
	// Dynamic: for rooms, but not for rooms that look like a socket's id.
	Dynamic Mode = iota
	// DynamicPrivate: for all rooms.
	DynamicPrivate
	// Static: for none.
	Static
)

// Sharded is the wire of the sharded adapter. The zero Prefix means "socket.io".
type Sharded struct {
	Prefix, UID string
	Mode        Mode
}

func (w Sharded) cluster() cluster { return cluster{w.Prefix, w.UID} }

// All returns the channel of messages to all nodes.
func (w Sharded) All(namespace string) string { return w.cluster().all(namespace) }

// Room returns the channel of broadcasts to one room.
func (w Sharded) Room(namespace, room string) string { return w.cluster().room(namespace, room) }

// ResponsesTo returns the channel of responses to one node.
func (w Sharded) ResponsesTo(namespace, uid string) string { return w.cluster().room(namespace, uid) }

// Encode returns what to publish for a message.
func (w Sharded) Encode(m *socketio.Message) (channel string, payload []byte, err error) {
	if err := checkSendable(m); err != nil {
		return "", nil, err
	}
	if payload, err = w.cluster().encode(m, false); err != nil {
		return "", nil, err
	}
	if m.Kind == socketio.KindBroadcast && m.Request == "" && len(m.To.Rooms) == 1 && w.hasChannel(m.To.Rooms[0]) {
		return w.Room(m.Namespace, m.To.Rooms[0]), payload, nil
	}
	return w.All(m.Namespace), payload, nil
}

// hasChannel reports whether broadcasts to the room use its own channel.
func (w Sharded) hasChannel(room string) bool {
	switch w.Mode {
	case Dynamic:
		return !looksLikeID(room)
	case DynamicPrivate:
		return true
	}
	return false
}

// looksLikeID reports whether Node takes the room for the id of a socket: its length, in
// JavaScript's units, is 20.
func looksLikeID(room string) bool {
	length := 0
	for _, r := range room {
		length += utf16.RuneLen(r)
	}
	return length == 20
}

// EncodeReply returns what to publish as a reply to a node that is not a Go node.
func (w Sharded) EncodeReply(to socketio.NodeID, m *socketio.Message) (channel string, payload []byte, err error) {
	if payload, err = w.cluster().encodeReply(m, false); err != nil {
		return "", nil, err
	}
	return w.ResponsesTo(m.Namespace, string(to)), payload, nil
}

// Decode decodes a message of any channel of a namespace.
func (w Sharded) Decode(namespace string, payload []byte) (Received, error) {
	if w.IsOwn(namespace, payload) {
		return Received{}, ErrOwn
	}
	return w.cluster().decode(namespace, payload)
}

// IsOwn reports whether this node has sent a message in JSON, without decoding it.
func (w Sharded) IsOwn(namespace string, payload []byte) bool {
	var buffer [96]byte
	return bytes.HasSuffix(payload, w.cluster().appendSuffix(buffer[:0], namespace))
}
