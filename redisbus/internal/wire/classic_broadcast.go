package wire

import (
	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio"
)

// sizeOfBroadcast returns about the bytes of a broadcast and its channel. They are more only if
// many of the event's numbers are not integers.
func (w Classic) sizeOfBroadcast(m *socketio.Message) int {
	size := 80 + len(w.Prefix) + len(w.UID) + 2*len(m.Namespace) + len(m.Data)
	for _, a := range m.Attachments {
		size += len(a)
	}
	for _, room := range m.To.Rooms {
		size += 2 + len(room)
	}
	if len(m.To.Rooms) == 1 {
		size += 1 + len(m.To.Rooms[0])
	}
	for _, room := range m.To.Except {
		size += 2 + len(room)
	}
	return size
}

// Members of a broadcast, up to their values or, in packedNoFlags, with it. See package msgpack.
const (
	packedPacket  = "\x83\xa4type\x02\xa4data" // {type: 2, data:
	packedNsp     = "\xa3nsp"
	packedRooms   = "\x83\xa5rooms" // {rooms:
	packedExcept  = "\xa6except"
	packedNoFlags = "\xa5flags\x80"                 // flags: {}
	packedFlags   = "\xa5flags\x81\xa8volatile\xc3" // flags: {volatile: true}
)

// appendBroadcast appends [uid, packet, opts].
func (w Classic) appendBroadcast(b []byte, m *socketio.Message) ([]byte, error) {
	b = msgpack.AppendString(msgpack.AppendArray(b, 3), w.UID)
	b, err := msgpack.Append(append(b, packedPacket...), m.Data, m.Attachments)
	if err != nil {
		return nil, err
	}
	b = msgpack.AppendString(append(b, packedNsp...), m.Namespace)
	b = appendPackedNames(append(b, packedRooms...), m.To.Rooms)
	flags := packedNoFlags
	if m.Volatile {
		flags = packedFlags
	}
	if w.UID == string(NoNode) { // the emitter's order
		return appendPackedNames(append(append(b, flags...), packedExcept...), m.To.Except), nil
	}
	return append(appendPackedNames(append(b, packedExcept...), m.To.Except), flags...), nil
}

func appendPackedNames(b []byte, names []string) []byte {
	b = msgpack.AppendArray(b, len(names))
	for _, name := range names {
		b = msgpack.AppendString(b, name)
	}
	return b
}
