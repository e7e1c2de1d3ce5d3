package socketio

import (
	"encoding/json"
	"errors"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio/internal/packet"
)

// A NodeID names a server of a cluster. The Bus chooses it.
type NodeID string

// A MessageKind says what a Message is.
type MessageKind uint8

// The kinds of messages. Those up to 12 are numbered like the messages of the Node
// server's ClusterAdapter.
const (
	// KindBroadcast: Data is sent to the sockets selected. With a Request, each node
	// replies with a KindCount and a KindAnswer for each socket.
	KindBroadcast MessageKind = 3
	// KindJoin: the sockets selected join Rooms.
	KindJoin MessageKind = 4
	// KindLeave: the sockets selected leave Rooms.
	KindLeave MessageKind = 5
	// KindDisconnect: the sockets selected end as Temporary, WholeConnection, RetryAfter,
	// Cause and the event in Data say.
	KindDisconnect MessageKind = 6
	// KindFetch: each node replies with KindSockets.
	KindFetch MessageKind = 7
	// KindServerSide: Data is for the functions of Mux.OnServerSide. With a Request,
	// each node replies with KindServerSideAnswer.
	KindServerSide MessageKind = 9
	// KindSockets is the reply to KindFetch: Sockets.
	KindSockets MessageKind = 8
	// KindServerSideAnswer is the reply to KindServerSide: Data, an array of one value,
	// or nothing if no function has answered.
	KindServerSideAnswer MessageKind = 10
	// KindCount is the first reply to KindBroadcast: Count sockets were sent the event.
	// IDs names them, and is empty if the node does not say.
	KindCount MessageKind = 11
	// KindAnswer is a further reply to KindBroadcast: Data is what one socket, of the ID
	// Socket, has answered. If Ended is true, the socket has ended instead.
	KindAnswer MessageKind = 12

	// KindExtension: Payload is for the function that Server.HandleExtension has
	// registered for Extension. It concerns no namespace.
	KindExtension MessageKind = 100
)

// A Message is what the nodes of a cluster send each other. Which fields it has depends
// on its Kind; the others are zero. All of it is plain data, so that encoding/json can
// carry it. It must not be changed.
type Message struct {
	Kind MessageKind
	// From is the node that sent it. The receiver's Bus sets it.
	From NodeID `json:",omitempty"`
	// Namespace is the name of the namespace whose sockets are concerned. If it is
	// empty, Rule is the name of a rule, whose namespaces are all concerned.
	Namespace string `json:",omitempty"`
	Rule      string `json:",omitempty"`
	// Request names a request, and in a reply the request that it answers.
	Request string `json:",omitempty"`
	// Timeout is how long the sender waits for replies.
	Timeout time.Duration `json:",omitempty"`
	// To says which sockets are concerned.
	To Selector `json:",omitzero"`
	// Data is a JSON array: of the event's name and its arguments, or of an answer.
	// Attachments are what its placeholders count; see ParseArguments.
	Data        json.RawMessage `json:",omitempty"`
	Attachments [][]byte        `json:",omitempty"`
	// Volatile drops an event for sockets that cannot be written to at once.
	Volatile bool `json:",omitempty"`
	// Rooms are what sockets join or leave.
	Rooms []string `json:",omitempty"`
	// Temporary, WholeConnection, RetryAfter and Cause, a text, are those of the Ending of
	// DisconnectSockets. Data is its last event, or empty.
	Temporary       bool          `json:",omitempty"`
	WholeConnection bool          `json:",omitempty"`
	RetryAfter      time.Duration `json:",omitempty"`
	Cause           string        `json:",omitempty"`

	// The fields of replies; see KindSockets, KindCount and KindAnswer.
	Sockets []SocketInfo `json:",omitempty"`
	Count   int          `json:",omitempty"`
	IDs     []string     `json:",omitempty"`
	Socket  string       `json:",omitempty"`
	Ended   bool         `json:",omitempty"`

	// The fields of KindExtension.
	Extension string `json:",omitempty"`
	Payload   []byte `json:",omitempty"`
}

// A Selector says which admitted sockets of a namespace are meant. The zero value means
// no socket.
type Selector struct {
	// All means all sockets. Rooms must then be empty.
	All bool `json:",omitempty"`
	// Rooms means the sockets in any of these rooms.
	Rooms []string `json:",omitempty"`
	// Except leaves out the sockets in any of these rooms.
	Except []string `json:",omitempty"`
}

// none reports whether no socket can be selected.
func (to Selector) none() bool { return !to.All && len(to.Rooms) == 0 }

// Limits on what another node sends. A cluster's nodes trust each other, so these bound
// only what a defect can cause.
const (
	maxMessageDepth = 10_000    // of JSON; the encoder's own limit
	maxMessageCause = 1 << 10   // bytes of a Cause that are kept
	maxExtension    = 1 << 20   // bytes of a Payload
	maxSockets      = 1_000_000 // that a node counts, or describes, in one reply
)

var errMessage = errors.New("socketio: malformed message")

// check reports whether the fields that all messages of its kind have are valid. Data
// is checked where it is read.
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

// arguments reads the answer in a message. It is empty if there is no Data.
func (m *Message) arguments() (Arguments, error) {
	if len(m.Data) == 0 {
		return Arguments{}, nil
	}
	return newArguments(m.Data, m.Attachments, maxMessageDepth)
}

// check drops what is malformed in the description of a socket of another node.
func (i *SocketInfo) check(from NodeID) {
	i.Node = from
	if !wirejson.ValidPeerObject(i.Data, maxMessageDepth) {
		i.Data = nil
	}
}
