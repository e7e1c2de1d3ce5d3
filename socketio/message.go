package socketio

import (
	"encoding/json"
	"errors"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

// A NodeID identifies a server of a cluster. The Bus chooses it.
type NodeID string

// A MessageKind is the kind of a Message.
type MessageKind uint8

// The kinds of messages. Kinds up to 12 have the same numbers as in the Node server's
// ClusterAdapter.
const (
	// KindBroadcast: send Data to the selected sockets. With a Request, each node replies with
	// a KindCount and with a KindAnswer for each socket.
	KindBroadcast MessageKind = 3
	// KindJoin: the selected sockets join Rooms.
	KindJoin MessageKind = 4
	// KindLeave: the selected sockets leave Rooms.
	KindLeave MessageKind = 5
	// KindDisconnect: the selected sockets end as described by Temporary, WholeConnection,
	// RetryAfter, Cause and the event in Data.
	KindDisconnect MessageKind = 6
	// KindFetch: each node replies with a KindSockets.
	KindFetch MessageKind = 7
	// KindServerSide: Data is for the functions of Mux.OnServerSide. With a Request, each node
	// replies with a KindServerSideAnswer.
	KindServerSide MessageKind = 9
	// KindSockets replies to KindFetch. Sockets has the descriptions.
	KindSockets MessageKind = 8
	// KindServerSideAnswer replies to KindServerSide. Data is an array of one value, or empty
	// if no function has answered.
	KindServerSideAnswer MessageKind = 10
	// KindCount is the first reply to KindBroadcast: the event was sent to Count sockets. IDs
	// has their ids, and is empty if the node does not name its sockets.
	KindCount MessageKind = 11
	// KindAnswer is a further reply to KindBroadcast: Data is the answer of the socket whose id
	// is Socket. If Ended is true, the socket has ended without an answer.
	KindAnswer MessageKind = 12

	// KindExtension: Payload is for the function registered for Extension by
	// Server.HandleExtension. It does not concern a namespace.
	KindExtension MessageKind = 100
	// KindGone comes from the Bus itself: the node From has left or failed, so that no call waits
	// for its replies any more. Without From, one more node that does not name itself has left
	// before it replied to the Request.
	KindGone MessageKind = 101
)

// A Message is sent between the nodes of a cluster. Its Kind determines which fields are used.
// The others are zero. It is plain data that encoding/json can carry. It must not be changed.
type Message struct {
	Kind MessageKind
	// From is the node that sent it. The receiver's Bus sets it. It is empty in a reply of a node
	// that does not name itself. See Asked.
	From NodeID `json:",omitempty"`
	// Namespace is the name of the namespace of the sockets. If it is empty, the message
	// concerns all namespaces of the rule named Rule.
	Namespace string `json:",omitempty"`
	Rule      string `json:",omitempty"`
	// Request identifies a request. A reply has the same Request.
	Request string `json:",omitempty"`
	// Timeout is how long the sender waits for replies.
	Timeout time.Duration `json:",omitempty"`
	// To selects sockets.
	To Selector `json:",omitzero"`
	// Data is a JSON array: the event's name and its arguments, or an answer. Its placeholders
	// refer to Attachments. See ParseArguments.
	Data        json.RawMessage `json:",omitempty"`
	Attachments [][]byte        `json:",omitempty"`
	// Volatile drops an event for sockets that cannot be written to at once.
	Volatile bool `json:",omitempty"`
	// Rooms are the rooms to join or leave.
	Rooms []string `json:",omitempty"`
	// Temporary, WholeConnection, RetryAfter and Cause, a text, come from the Ending of
	// DisconnectSockets. Data is its last event, or empty.
	Temporary       bool          `json:",omitempty"`
	WholeConnection bool          `json:",omitempty"`
	RetryAfter      time.Duration `json:",omitempty"`
	Cause           string        `json:",omitempty"`

	// Offset is the place of a broadcast in the log of a Recorder. The receiver's Bus sets it. It is
	// empty for an event that is not in a log.
	Offset string `json:",omitempty"`

	// Fields of replies. See KindSockets, KindCount and KindAnswer.
	Sockets []SocketInfo `json:",omitempty"`
	Count   int          `json:",omitempty"`
	IDs     []string     `json:",omitempty"`
	Socket  string       `json:",omitempty"`
	Ended   bool         `json:",omitempty"`

	// Fields of KindExtension.
	Extension string `json:",omitempty"`
	Payload   []byte `json:",omitempty"`
}

// A Selector selects admitted sockets of a namespace. The zero value selects no socket.
type Selector struct {
	// All selects all sockets. Rooms must then be empty.
	All bool `json:",omitempty"`
	// Rooms selects the sockets in any of these rooms.
	Rooms []string `json:",omitempty"`
	// Except excludes the sockets in any of these rooms.
	Except []string `json:",omitempty"`
}

// none reports whether the selector can select no socket.
func (to Selector) none() bool { return !to.All && len(to.Rooms) == 0 }

// Limits on messages of another node. The nodes of a cluster trust each other, so these limits
// bound only the effect of a defect.
const (
	maxMessageDepth = 10_000    // of JSON; the same as the encoder's limit
	maxMessageCause = 1 << 10   // bytes of a Cause that are kept
	maxExtension    = 1 << 20   // bytes of a Payload
	maxSockets      = 1_000_000 // counted or described by a node in one reply
)

var errMessage = errors.New("socketio: malformed message")

// check reports whether the required fields of the message's kind are valid. Data is checked
// where it is read.
func (m *Message) check() error {
	switch m.Kind {
	case KindBroadcast, KindJoin, KindLeave, KindDisconnect, KindFetch:
		if m.To.All && len(m.To.Rooms) > 0 {
			return errMessage
		}
		fallthrough
	case KindServerSide:
		if (m.Namespace == "") == (m.Rule == "") || m.Kind == KindFetch && m.Request == "" {
			return errMessage
		}
	case KindExtension:
		if m.Extension == "" || len(m.Payload) > maxExtension {
			return errMessage
		}
	case KindSockets, KindCount, KindAnswer, KindServerSideAnswer:
		if m.Request == "" || m.Count < 0 || max(m.Count, len(m.IDs), len(m.Sockets)) > maxSockets {
			return errMessage
		}
		return nil // From may be empty
	case KindGone:
		if m.From == "" && m.Request == "" {
			return errMessage
		}
		return nil
	default:
		return errMessage
	}
	if m.From == "" {
		return errMessage
	}
	return nil
}

// event reads the event of a message.
func (m *Message) event() (*outgoing, error) {
	args, err := newArguments(m.Data, m.Attachments, maxMessageDepth)
	if err != nil || args.Len() == 0 {
		return nil, errMessage
	}
	name, err := eventName(args.values[0], len(args.values[0]))
	if err != nil || name == "" || packet.Reserved(name) {
		return nil, errMessage
	}
	return &outgoing{
		event:    name,
		came:     args.Drop(1),
		volatile: m.Volatile,
		body:     body{array: m.Data, attachments: m.Attachments},
	}, nil
}

// arguments reads the answer in a message. Without Data, it returns no arguments.
func (m *Message) arguments() (Arguments, error) {
	if len(m.Data) == 0 {
		return Arguments{}, nil
	}
	return newArguments(m.Data, m.Attachments, maxMessageDepth)
}

// check removes malformed parts from the description of a socket of another node.
func (i *SocketInfo) check(from NodeID) {
	i.Node = named(from)
	if !wirejson.ValidPeerObject(i.Data, maxMessageDepth) {
		i.Data = nil
	}
}
