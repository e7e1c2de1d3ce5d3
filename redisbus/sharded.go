package redisbus

import (
	"socketiojwt/redisbus/internal/wire"
	"socketiojwt/socketio"
)

// sharded is the format of createShardedAdapter of @socket.io/redis-adapter. The node hears a
// channel for each of its rooms, also for those that are the ids of sockets, so it hears nodes
// of all modes. Its own mode says only where it sends to.
type sharded struct{ wire.Sharded }

func (s sharded) namespace(name string) []listening {
	return []listening{
		{s.All(name), kindAll},
		{s.ResponsesTo(name, s.UID), kindReplies},
	}
}

// room returns nothing for a room that is named like this node, because the channel of replies
// has the same name. Messages for the room are received on that.
func (s sharded) room(namespace, room string) string {
	if room == s.UID {
		return ""
	}
	return s.Room(namespace, room)
}

func (s sharded) requests(namespace string) string { return s.All(namespace) }

func (s sharded) member(namespace string, id socketio.NodeID) string {
	return s.ResponsesTo(namespace, string(id))
}

func (s sharded) publish(m *socketio.Message) (parcel, error) {
	channel, payload, err := s.Encode(m)
	return parcel{channel: channel, payload: payload}, err
}

func (s sharded) reply(to socketio.NodeID, m *socketio.Message) (parcel, error) {
	channel, payload, err := s.EncodeReply(to, m)
	return parcel{channel: channel, payload: payload}, err
}

// own looks only at the end of messages in JSON, which names the node. Others are decoded first.
func (s sharded) own(_ kind, namespace, payload string) bool {
	end := max(0, len(payload)-128-6*len(namespace)) // a byte of JSON text takes up to 6
	return s.IsOwn(namespace, []byte(payload[end:]))
}

// decode forgets the name of a node that replies in Node's form, because package socketio counts
// names only of our own nodes, which reply in another form.
func (s sharded) decode(_ kind, namespace, payload string) (wire.Received, error) {
	r, err := s.Decode(namespace, []byte(payload))
	switch r.Kind {
	case socketio.KindSockets, socketio.KindServerSideAnswer, socketio.KindCount, socketio.KindAnswer:
		r.From = ""
	}
	return r, err
}

// special answers nothing: the wire has no such requests.
func (s sharded) special(*wire.Received, *table) (p parcel, only bool) { return p, false }

// modes are the modes of the wire.
var modes = [...]wire.Mode{Dynamic: wire.Dynamic, DynamicPrivate: wire.DynamicPrivate, Static: wire.Static}
