package wire

import (
	"errors"
	"strings"

	"socketiojwt/socketio"
)

// Errors of encoding.
var (
	// ErrGoOnly is returned for a message that Node's form cannot carry.
	ErrGoOnly = errors.New("only Go nodes understand the message")
	// ErrNobody is returned for a message that must not be sent, because it selects no socket
	// or because Node sends none in its place. In Node's form, an empty selection means all
	// sockets.
	ErrNobody = errors.New("the message is for no socket")
)

// Errors of decoding. The message must be dropped.
var (
	// ErrOwn is returned for what this node itself has sent.
	ErrOwn = errors.New("message of this node")
	// ErrForeignReply is returned for a reply to another node.
	ErrForeignReply = errors.New("reply to another node")
	// ErrOtherNamespace is returned for a message that is for another namespace than its channel.
	ErrOtherNamespace = errors.New("message for another namespace")
	// ErrOld is returned for a request of socket.io-redis 5, whose numbers have other meanings.
	ErrOld = errors.New("request of socket.io-redis 5")
	// ErrMalformed is returned for anything else that cannot be used.
	ErrMalformed = errors.New("malformed message")
)

// NoNode is the From of a message that does not name a node. Node's emitter has this uid.
const NoNode socketio.NodeID = "emitter"

// Received is a message of another node. Its Data and Attachments may alias the payload that it
// was decoded from.
type Received struct {
	// Message has Namespace and From. From is empty in replies of Classic, which do not name
	// their node, and NoNode in other messages that do not name one. Request says how to reply;
	// see Asker.
	socketio.Message
	// AllRooms marks a request for the names of the rooms that this node has. Kind is then
	// zero. Answer with Classic.EncodeRooms.
	AllRooms bool
	// Confirm is the id of a socket. If it is not empty and this node has the socket, the sender
	// waits for Classic.EncodeConfirm.
	Confirm string
}

// The first byte of Request in a received request says how to reply.
const (
	askerNode    = 'n' // in Node's form
	askerSockets = 's' // in Node's form, with only the ids of the sockets
	askerGo      = 'g' // with a complete socketio.Message
)

// Asker splits the Request of a received request: id is what the reply must carry, and isGo says
// that the asker is a Go node, which understands a complete socketio.Message. A Node asker gets
// the result of EncodeReply.
func Asker(request string) (id string, isGo bool) {
	if request == "" {
		return "", false
	}
	return request[1:], request[0] == askerGo
}

// asker returns the Request of a received request.
func asker(id string, how byte, isGo bool) string {
	switch {
	case id == "":
		return ""
	case isGo:
		how = askerGo
	}
	return string(how) + id
}

// GoRequest returns the Request of a message that a Go node sends to Go nodes only, as they
// receive it.
func GoRequest(uid, request string) string {
	if request == "" {
		return ""
	}
	return asker(uid+"."+request, askerGo, true)
}

// OwnRequest returns the Request of the message that this node has sent with the id, and false
// if another node has sent it.
func OwnRequest(uid, id string) (request string, ok bool) {
	return strings.CutPrefix(id, uid+".")
}

// requestID returns the id that a request of this node carries. The numbers of package socketio
// repeat on other nodes, and all nodes hear the replies.
func requestID(uid string, m *socketio.Message) string {
	if m.Request == "" {
		return ""
	}
	return uid + "." + m.Request
}

// RoomOf returns the room of a channel, given the name of the channel of all sockets of its
// namespace. The room of that channel itself is "".
func RoomOf(channel, all string) (room string, ok bool) {
	room, ok = strings.CutPrefix(channel, all)
	if !ok || room == "" {
		return "", ok
	}
	return strings.CutSuffix(room, "#")
}

// prefixed returns the name of a channel.
func prefixed(prefix, suffix, namespace string, more ...string) string {
	var buffer [128]byte
	return string(appendPrefixed(buffer[:0], prefix, suffix, namespace, more...))
}

// appendPrefixed appends the name of a channel.
func appendPrefixed(b []byte, prefix, suffix, namespace string, more ...string) []byte {
	if prefix == "" {
		prefix = "socket.io"
	}
	b = append(append(b, prefix...), suffix...)
	b = append(append(append(b, '#'), namespace...), '#')
	for _, part := range more {
		b = append(append(b, part...), '#')
	}
	return b
}

// checkSendable reports why Node's form cannot carry a message that is to be published.
func checkSendable(m *socketio.Message) error {
	if m.Namespace == "" {
		return ErrGoOnly
	}
	switch m.Kind {
	case socketio.KindBroadcast, socketio.KindJoin, socketio.KindLeave, socketio.KindDisconnect, socketio.KindFetch:
		if !m.To.All && len(m.To.Rooms) == 0 {
			return ErrNobody
		}
		return nil
	case socketio.KindServerSide:
		return nil
	}
	return ErrGoOnly
}
