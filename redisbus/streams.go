package redisbus

import (
	"encoding/base64"
	"strconv"
	"strings"

	"socketiojwt/redisbus/internal/wire"
	"socketiojwt/socketio"
)

// streams is the format of createAdapter of @socket.io/redis-streams-adapter 0.3. What concerns
// sockets and needs no reply is an entry of a stream, which all nodes read in the same order.
// Requests and replies are published.
type streams struct {
	wire.Streams
	length string // see Options.StreamLength
}

func (s streams) namespace(name string) []listening {
	return []listening{
		{s.All(name), kindAll},
		{s.ResponsesTo(name, s.UID), kindReplies},
	}
}

// room returns nothing: messages for rooms are in the stream.
func (s streams) room(string, string) string { return "" }

func (s streams) requests(namespace string) string { return s.All(namespace) }

func (s streams) member(namespace string, id socketio.NodeID) string {
	return s.ResponsesTo(namespace, string(id))
}

func (s streams) publish(m *socketio.Message) (p parcel, err error) {
	if !s.InStream(m) {
		p.channel, p.payload, err = s.Encode(m)
		return p, err
	}
	fields, err := s.Entry(m)
	if err != nil {
		return p, err
	}
	return s.entry(s.Stream(m.Namespace), fields), nil
}

// entry returns a parcel that adds an entry to a stream.
func (s streams) entry(stream string, fields []string) parcel {
	return parcel{channel: stream, fields: append([]string{"MAXLEN", "~", s.length, "*"}, fields...)}
}

func (s streams) reply(to socketio.NodeID, m *socketio.Message) (parcel, error) {
	channel, payload, err := s.EncodeReply(to, m)
	return parcel{channel: channel, payload: payload}, err
}

// own finds nothing: there are few messages that are published, and decode finds those.
func (s streams) own(kind, string, string) bool { return false }

// decode forgets the name of a node that replies in Node's form: see sharded.decode.
func (s streams) decode(_ kind, namespace, payload string) (wire.Received, error) {
	r, err := s.Decode(namespace, []byte(payload))
	switch r.Kind {
	case socketio.KindSockets, socketio.KindServerSideAnswer, socketio.KindCount, socketio.KindAnswer:
		r.From = ""
	}
	return r, err
}

// special answers nothing: the wire has no such requests.
func (s streams) special(*wire.Received, *table) (p parcel, only bool) { return p, false }

// Fields of entries that only nodes of this module read. Node's adapter ignores them, and ignores
// an entry without nsp.
const (
	fieldNumber = "go"         // counts what a node records
	fieldOwn    = "go-message" // a message of the format of own.go, in base64
)

// An entryID is the ID of an entry of a stream.
type entryID struct{ time, seq uint64 }

func parseEntryID(text string) (id entryID) {
	first, second, _ := strings.Cut(text, "-")
	id.time, _ = strconv.ParseUint(first, 10, 64)
	id.seq, _ = strconv.ParseUint(second, 10, 64)
	return id
}

// before reports whether the entry with the ID a is before that with the ID b.
func before(a, b string) bool {
	x, y := parseEntryID(a), parseEntryID(b)
	return x.time < y.time || x.time == y.time && x.seq < y.seq
}

// decodeEntry reads an entry of a stream, unless it was added by the node that w names.
func (b *streamBus) decodeEntry(w wire.Streams, stream string, fields map[string]string) (m socketio.Message, err error) {
	text, ours := fields[fieldOwn]
	if !ours {
		r, err := w.DecodeEntry(fields)
		return r.Message, err
	}
	payload, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return m, wire.ErrMalformed
	}
	return b.decodeOwn(stream, string(payload))
}
