package socketio

import (
	"context"
	"fmt"
	"sync/atomic"

	"socketiojwt/socketio/internal/packet"
)

// A Namespace is a part of a server with its own middleware, handlers, sockets
// and rooms. What is registered on it must be registered before Server.Handler
// is called; registering afterwards panics.
type Namespace struct {
	name    string
	server  *Server
	table   *table
	local   *Local
	adapter Adapter
	matches func(ctx context.Context, name string, h *Handshake) (bool, error) // of a rule for dynamic namespaces
	parent  *Namespace                                                         // of a dynamic namespace: its rule
	refs    int                                                                // its sockets, connecting ones too; guarded by Server.mu
	members int                                                                // those of them that are admitted; guarded by Server.mu

	adapterClosed atomic.Bool
}

// Name returns the namespace's name, such as "/admin". Of a namespace made by
// OfPattern or OfFunc it describes the rule.
func (n *Namespace) Name() string { return n.name }

// Open declares that the namespace admits every socket that passes its middleware,
// even if there is none. Without it, a namespace without middleware is an error
// of Server.Handler.
func (n *Namespace) Open() *Namespace {
	n.registering("Open")
	n.table.open = true
	return n
}

// Use adds connect middleware, run in order for each socket that wants to join.
func (n *Namespace) Use(middleware ...ConnectMiddleware) {
	n.registering("Use")
	for _, m := range middleware {
		notNil("Use", m == nil)
	}
	n.table.connect = append(n.table.connect, middleware...)
}

// Wrap adds event middleware, which runs around every handler of the
// namespace, that of HandleAny included; the first one added is outermost.
// Events that are intercepted (see Socket.Intercept) do not pass it.
func (n *Namespace) Wrap(middleware func(Handler) Handler) {
	n.registering("Wrap")
	notNil("Wrap", middleware == nil)
	n.table.wrap = append(n.table.wrap, middleware)
}

// Handle registers the handler of an event. A name that is empty, reserved, too
// long to be received or registered already panics.
func (n *Namespace) Handle(event string, h Handler) {
	n.registering("Handle")
	notNil("Handle", h == nil)
	switch {
	case event == "" || packet.Reserved(event):
		panic(fmt.Sprintf("socketio: Handle: event name %q is empty or reserved", event))
	case len(event) > n.server.opts.MaxNameLength:
		panic(fmt.Sprintf("socketio: Handle: event name %q is longer than Options.MaxNameLength", event))
	case n.table.handlers[event] != nil:
		panic(fmt.Sprintf("socketio: Handle: event %q has a handler already", event))
	}
	n.table.handlers[event] = h
}

// HandleAny registers the handler of all events that have none of their own.
// Without it they are ignored.
func (n *Namespace) HandleAny(h Handler) {
	n.registering("HandleAny")
	notNil("HandleAny", h == nil)
	if n.table.any != nil {
		panic("socketio: HandleAny: there is a handler already")
	}
	n.table.any = h
}

// OnConnect adds a function that runs for each socket once it is admitted,
// before its events are handled. An error ends the socket. A socket that ends before
// its functions have begun gets none of them, and those of OnDisconnecting and
// OnDisconnect neither; once it has ended, no further one begins.
func (n *Namespace) OnConnect(f func(ctx context.Context, s *Socket) error) {
	n.registering("OnConnect")
	notNil("OnConnect", f == nil)
	n.table.onConnect = append(n.table.onConnect, f)
}

// OnDisconnecting adds a function that runs for each admitted socket that has
// ended, before those of OnDisconnect. It receives the rooms that the socket was
// in. Its context is not cancelled.
func (n *Namespace) OnDisconnecting(f func(ctx context.Context, s *Socket, reason Reason, rooms []string)) {
	n.registering("OnDisconnecting")
	notNil("OnDisconnecting", f == nil)
	n.table.onDisconnecting = append(n.table.onDisconnecting, f)
}

// OnDisconnect adds a function that runs for each admitted socket that has
// ended, once. It does not run for a socket that ended before its first function of
// OnConnect began, which then does not run either. Its context is not cancelled.
func (n *Namespace) OnDisconnect(f func(ctx context.Context, s *Socket, reason Reason)) {
	n.registering("OnDisconnect")
	notNil("OnDisconnect", f == nil)
	n.table.onDisconnect = append(n.table.onDisconnect, f)
}

// notNil panics for a function that is missing.
func notNil(method string, isNil bool) {
	if isNil {
		panic("socketio: " + method + ": nil function")
	}
}

// registering panics once the server runs.
func (n *Namespace) registering(method string) {
	n.server.mu.Lock()
	frozen := n.server.frozen
	n.server.mu.Unlock()
	if frozen {
		panic(fmt.Sprintf("socketio: %s on %s after Server.Handler", method, n.name))
	}
}

// broadcast is the broadcast to all sockets of the namespace.
func (n *Namespace) broadcast() Broadcast { return Broadcast{namespace: n} }

// To returns a broadcast to the sockets in any of the rooms. A socket's id is a
// room that holds only it.
func (n *Namespace) To(rooms ...string) Broadcast { return n.broadcast().To(rooms...) }

// In is To, by its other name.
func (n *Namespace) In(rooms ...string) Broadcast { return n.broadcast().To(rooms...) }

// Except returns a broadcast to the sockets in none of the rooms.
func (n *Namespace) Except(rooms ...string) Broadcast { return n.broadcast().Except(rooms...) }

// Local returns a broadcast to the sockets of this node.
func (n *Namespace) Local() Broadcast { return n.broadcast().Local() }

// Volatile returns a broadcast that is dropped for sockets that cannot be
// written to at once.
func (n *Namespace) Volatile() Broadcast { return n.broadcast().Volatile() }

// Emit sends an event to every socket in the namespace; see Broadcast.Emit.
func (n *Namespace) Emit(event string, args ...any) error { return n.broadcast().Emit(event, args...) }

// EmitWithAck sends an event to every socket in the namespace and waits for
// their answers; see Broadcast.EmitWithAck.
func (n *Namespace) EmitWithAck(ctx context.Context, event string, args ...any) ([]Arguments, error) {
	return n.broadcast().EmitWithAck(ctx, event, args...)
}

// Sockets returns the admitted sockets of this node, in no order.
func (n *Namespace) Sockets() []*Socket {
	rule, ok := n.adapter.(children)
	if !ok {
		return n.local.sockets(Selector{})
	}
	var all []*Socket
	for _, child := range rule.all() {
		all = append(all, child.Sockets()...)
	}
	return all
}

// FetchSockets describes the admitted sockets of all nodes.
func (n *Namespace) FetchSockets(ctx context.Context) ([]SocketInfo, error) {
	return n.broadcast().FetchSockets(ctx)
}

// SocketsJoin makes every socket join the rooms, on all nodes.
func (n *Namespace) SocketsJoin(ctx context.Context, rooms ...string) error {
	return n.broadcast().SocketsJoin(ctx, rooms...)
}

// SocketsLeave makes every socket leave the rooms, on all nodes.
func (n *Namespace) SocketsLeave(ctx context.Context, rooms ...string) error {
	return n.broadcast().SocketsLeave(ctx, rooms...)
}

// DisconnectSockets ends every socket, on all nodes; see Broadcast.DisconnectSockets.
func (n *Namespace) DisconnectSockets(ctx context.Context, closeConnection bool) error {
	return n.broadcast().DisconnectSockets(ctx, closeConnection)
}
