package socketio

import (
	"context"

	"socketiojwt/engineio"
)

// Emitted describes an event that was sent from this node, for Mux.OnEmit.
type Emitted struct {
	// Namespace is the name of the namespace.
	Namespace string
	// Packet is the event and its arguments, which must not be changed.
	Packet Packet
	// Socket is the socket of Socket.Emit or Socket.EmitWithAck. It is nil for a broadcast.
	Socket *Socket
	// To selects the sockets of a broadcast. Local says that it addressed only sockets of this
	// node.
	To    Selector
	Local bool
	// Recipients is the number of sockets of this node for which the event was queued or
	// written.
	Recipients int
}

// A Packet is an event that was sent. See Mux.OnEmit.
type Packet struct {
	Event    string
	Args     []any
	Volatile bool
}

// OnEmit adds a function that runs after each event that is sent in the namespace, for audits
// and metrics. It runs on the goroutine that sent the event, without a lock, and must not
// block. It is also called for events that it sends itself. Each node that has the namespace
// reports a broadcast, even if it has no recipient. A node that received the broadcast from
// another node reports it on a goroutine of the Bus. The function is not called for events
// whose Socket.Emit or Socket.EmitWithAck failed, for acknowledgements, and for the events of
// AdmitWith and of an Ending.
func (m *Mux) OnEmit(f func(Emitted)) {
	m.registering("OnEmit")
	notNil("OnEmit", f == nil)
	m.table.onEmit = append(m.table.onEmit, f)
}

// emitted calls the functions of OnEmit. The caller holds no lock.
func (m *Mux) emitted(e Emitted) {
	e.Namespace = m.name
	for _, f := range m.table.onEmit {
		f(e)
	}
}

// emitted counts an event sent to the socket and calls the functions of OnEmit.
func (s *Socket) emitted(event string, args []any) {
	s.namespace.table.counts.sent.Add(1)
	if len(s.namespace.table.onEmit) > 0 {
		s.namespace.emitted(Emitted{Packet: Packet{Event: event, Args: args}, Socket: s, Recipients: 1})
	}
}

// outgoing is an event to be sent to sockets.
type outgoing struct {
	event    string
	args     []any     // of an event from this node
	came     Arguments // of an event from another node
	volatile bool
	local    bool
	body     body

	// made is the packet for the namespace madeFor.
	made    *engineio.Message
	madeFor string
}

func (o *outgoing) packet() Packet {
	p := Packet{Event: o.event, Args: o.args, Volatile: o.volatile}
	if o.came.Len() > 0 {
		p.Args = o.came.Args()
	}
	return p
}

// packetFor returns the packet for a namespace. It is made when the first socket needs it, because
// many broadcasts of a cluster are for sockets of other nodes. It must not be called concurrently.
func (o *outgoing) packetFor(namespace string) *engineio.Message {
	if o.made == nil || o.madeFor != namespace {
		o.made, o.madeFor = o.body.message(namespace, 0, false), namespace
	}
	return o.made
}

// kept returns a copy of the event for use after the call of Emit has returned.
func (o *outgoing) kept() *outgoing {
	return &outgoing{event: o.event, args: o.args, volatile: o.volatile, local: o.local, body: o.body.kept()}
}

// message returns the message that carries the event to other nodes.
func (o *outgoing) message() Message {
	return Message{Kind: KindBroadcast, Data: o.body.array, Attachments: o.body.attachments, Volatile: o.volatile}
}

// Queued returns approximately how many bytes are queued for the peer by all sockets of the
// connection. Options.Engine.MaxOutbound bounds them.
func (s *Socket) Queued() int { return s.conn.session.Queued() + int(s.conn.behind.Load()) }

// Flush waits until nothing is queued for the connection, which its sockets share. What was
// sent before has then left this process, but the peer may not have received it. To wait for
// the peer, use EmitWithAck. If ctx ends first, Flush returns its cause. Once the connection
// has closed, it returns ErrClosed. See engineio.Session.Flush.
func (s *Socket) Flush(ctx context.Context) error { return s.conn.session.Flush(ctx) }
