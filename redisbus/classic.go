package redisbus

import (
	"strings"

	"github.com/redis/rueidis"

	"socketiojwt/redisbus/internal/wire"
	"socketiojwt/socketio"
)

// classic is the format of createAdapter of @socket.io/redis-adapter. Unlike Node's adapter,
// which listens to a pattern, it hears a channel for each of its rooms, so that a node without
// sockets in a room does not receive the room's messages.
type classic struct {
	wire.Classic
	broadcast, request string // the first bytes of those of this node
}

func newClassic(prefix string, id socketio.NodeID) classic {
	return classic{
		Classic: wire.Classic{Prefix: prefix, UID: string(id)},
		// An array of 3 whose first element is a short text: see wire.Classic.
		broadcast: "\x93" + string([]byte{0xa0 | byte(len(id))}) + string(id),
		request:   `{"uid":"` + string(id) + `"`,
	}
}

func (c classic) namespace(name string) []listening {
	return []listening{
		{c.All(name), kindAll},
		{c.Requests(name), kindRequests},
		{c.Responses(name), kindReplies},
		{c.ResponsesTo(name, c.UID), kindReplies},
	}
}

func (c classic) room(namespace, room string) string { return c.Room(namespace, room) }

func (c classic) requests(namespace string) string { return c.Requests(namespace) }

func (c classic) member(namespace string, id socketio.NodeID) string {
	return c.ResponsesTo(namespace, string(id))
}

func (c classic) publish(m *socketio.Message) (parcel, error) {
	all, start, err := c.EncodeTogether(m)
	if err != nil {
		return parcel{}, err
	}
	return parcel{channel: rueidis.BinaryString(all[:start]), payload: all[start:]}, nil
}

func (c classic) reply(to socketio.NodeID, m *socketio.Message) (parcel, error) {
	channel, payload, err := c.EncodeReply(to, m)
	return parcel{channel: channel, payload: payload}, err
}

// own looks only at the first bytes, as this node writes them.
func (c classic) own(k kind, _, payload string) bool {
	if k == kindRequests {
		return strings.HasPrefix(payload, c.request)
	}
	return k != kindReplies && strings.HasPrefix(payload, c.broadcast)
}

func (c classic) decode(k kind, namespace, payload string) (wire.Received, error) {
	switch k {
	case kindRequests:
		return c.DecodeRequest(namespace, []byte(payload))
	case kindReplies:
		return c.DecodeResponse(namespace, []byte(payload))
	default:
		return c.DecodeBroadcast(namespace, []byte(payload))
	}
}

// special answers a request for the names of all rooms, and confirms requests of version 6 of
// Node's adapter, which name one socket.
func (c classic) special(r *wire.Received, t *table) (p parcel, only bool) {
	switch {
	case r.AllRooms:
		all := c.All(r.Namespace)
		var rooms []string
		for _, channel := range t.rooms(r.Namespace) {
			if room, ok := wire.RoomOf(channel, all); ok {
				rooms = append(rooms, room)
			}
		}
		p.channel, p.payload = c.EncodeRooms(r, rooms)
		return p, true
	case r.Confirm != "":
		if _, here := t.find(c.Room(r.Namespace, r.Confirm)); here {
			p.channel, p.payload = c.EncodeConfirm(r)
		}
	}
	return p, false
}
