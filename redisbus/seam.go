package redisbus

import (
	"strconv"

	"socketiojwt/redisbus/internal/wire"
	"socketiojwt/socketio"
)

// A format is what distinguishes the wires: which channels a node hears, and how messages are
// written. Its methods do no I/O and may be called concurrently.
type format interface {
	// namespace returns the channels that a node hears while it has a namespace.
	namespace(name string) []listening
	// room returns the channel that a node hears while a room has sockets on it. It is empty if
	// messages for the room arrive on a channel of the namespace.
	room(namespace, room string) string
	// requests returns the channel of the namespace whose subscribers reply to requests.
	requests(namespace string) string
	// member returns the channel of the namespace that only the node id hears.
	member(namespace string, id socketio.NodeID) string
	// publish and reply write a message. The error wire.ErrNobody means that there is nothing
	// to send, and wire.ErrGoOnly that only our own nodes can understand the message.
	publish(m *socketio.Message) (parcel, error)
	reply(to socketio.NodeID, m *socketio.Message) (parcel, error)
	// own reports whether a message was sent by this node. It must be cheap. It may miss some,
	// which decode must find.
	own(k kind, namespace, payload string) bool
	// decode reads a message that arrived on a channel of the namespace.
	decode(k kind, namespace, payload string) (wire.Received, error)
	// special returns what to publish in answer to a message, besides what the server answers: see
	// wire.Received. If only is true, the message is not for the server.
	special(r *wire.Received, t *table) (p parcel, only bool)
}

// newFormat returns the format of the wire of the options.
func newFormat(o *Options, id socketio.NodeID) format {
	switch o.Wire {
	case Streams:
		return streams{wire.Streams{Prefix: o.Prefix, UID: string(id), Count: o.Streams}, strconv.Itoa(o.StreamLength)}
	case Sharded:
		return sharded{wire.Sharded{Prefix: o.Prefix, UID: string(id), Mode: modes[o.Mode]}}
	default:
		return newClassic(o.Prefix, id)
	}
}

// A kind says what arrives on a channel.
type kind uint8

const (
	kindRoom     kind = iota // messages for one room
	kindAll                  // other messages for sockets, and on some wires everything else
	kindRequests             // requests
	kindReplies              // replies
)

// listening is a channel of a namespace.
type listening struct {
	channel string
	kind    kind
}

// A parcel is a message as it is sent to Redis.
type parcel struct {
	channel string
	payload []byte
	// fields are those of an entry for the stream named by channel. Without fields, payload is
	// published to the channel.
	fields []string
	// lost, which may be nil, is called if the parcel was not sent or, unless that is certain,
	// may not have been. It must not block.
	lost func(certain bool)
}

func (p *parcel) isLost(certain bool) {
	if p.lost != nil {
		p.lost(certain)
	}
}

func (p *parcel) size() int {
	n := len(p.channel) + len(p.payload) + 64
	for _, f := range p.fields {
		n += len(f)
	}
	return n
}
