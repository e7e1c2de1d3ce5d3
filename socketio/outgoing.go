package socketio

import "context"

// Emitted describes an event that was sent from this node, for Mux.OnEmit.
type Emitted struct {
	// Namespace is the name of the namespace.
	Namespace string
	// Packet is the event and its arguments, which must not be changed.
	Packet Packet
	// Socket is the socket that it was sent to by Socket.Emit or Socket.EmitWithAck.
	// Nil for a broadcast.
	Socket *Socket
	// To says which sockets a broadcast addressed, and Local whether only those of this
	// node.
	To    Selector
	Local bool
	// Recipients is the number of sockets of this node for which it was queued or
	// written.
	Recipients int
}

// OnEmit adds a function that runs after each event that is sent in the namespace, for
// audits and metrics: on the goroutine that sent it, without a lock. It must not block,
// and is called for the events it sends itself, too. A broadcast is reported by each node
// that has the namespace, also if no socket is there to receive it, and by a node that it
// came to on a goroutine of the Bus. Not reported are events whose
// Socket.Emit or Socket.EmitWithAck failed, acknowledgements, and the events of AdmitWith
// and of an Ending.
func (m *Mux) OnEmit(f func(Emitted)) {
	m.registering("OnEmit")
	notNil("OnEmit", f == nil)
	m.table.onEmit = append(m.table.onEmit, f)
}

// emitted tells the functions of OnEmit. No lock is held.
func (m *Mux) emitted(e Emitted) {
	e.Namespace = m.name
	for _, f := range m.table.onEmit {
		f(e)
	}
}

// emitted tells the functions of OnEmit that the socket was sent an event.
func (s *Socket) emitted(event string, args []any) {
	s.conn.server.figures.sent.Add(1)
	if len(s.namespace.table.onEmit) > 0 {
		s.namespace.emitted(Emitted{Packet: Packet{Event: event, Args: args}, Socket: s, Recipients: 1})
	}
}

// Queued returns how many bytes wait until the peer takes them, about: those of all
// sockets of the connection. Options.Engine.MaxOutbound bounds them.
func (s *Socket) Queued() int { return s.conn.session.Queued() }

// Flush waits until nothing is queued for the connection, which its sockets share: what
// was sent before has then left this process. It does not mean that the peer has
// received it; for that, see EmitWithAck. It returns the cause of ctx if that ends first,
// and ErrClosed once the connection has closed. See engineio.Session.Flush.
func (s *Socket) Flush(ctx context.Context) error { return s.conn.session.Flush(ctx) }
