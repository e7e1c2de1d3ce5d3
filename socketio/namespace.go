package socketio

import "context"

// A Namespace is a part of a server with its own middleware, handlers, sockets
// and rooms.
type Namespace struct {
	// Mux has the namespace's middleware and handlers.
	*Mux
	// Broadcast addresses all sockets of the namespace. It must not be changed.
	Broadcast

	local   *listing
	rule    *Rule // of a dynamic namespace
	refs    int   // its sockets, connecting ones too; guarded by Server.mu
	members int   // those of them that are admitted; guarded by Server.mu
}

// newNamespace makes a namespace. The table is the rule's, if it has one.
func (srv *Server) newNamespace(name string, t *table, rule *Rule) *Namespace {
	n := &Namespace{Mux: &Mux{name: name, server: srv, table: t}, rule: rule}
	n.Broadcast = Broadcast{target: target{server: srv, namespace: n, name: name}}
	n.local = newListing(n)
	return n
}

// Open declares that the namespace admits every socket that passes its middleware,
// even if there is none. Without it, a namespace without middleware is an error
// of Server.Handler.
func (n *Namespace) Open() *Namespace {
	n.open()
	return n
}

// BroadcastIn returns a broadcast to all sockets of the namespace of that name. Unlike
// Of and Lookup, it needs no such namespace on this node, so that it reaches the sockets
// of a dynamic namespace that only other nodes have.
func (srv *Server) BroadcastIn(namespace string) Broadcast {
	return Broadcast{target: target{server: srv, name: namespace}}
}

// ServerSideEmit sends an event to the functions of Mux.OnServerSide of the same namespace
// on the other nodes. It never blocks. Without Options.Bus it does nothing.
func (n *Namespace) ServerSideEmit(event string, args ...any) error {
	return n.target.serverSideEmit(event, args)
}

// ServerSideEmitWithAck is ServerSideEmit, and waits for the answers of the other nodes.
// If not all answer until ctx ends, or within 5 seconds if it has no deadline, it returns
// what it has with a *PartialError.
func (n *Namespace) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]ServerSideAnswer, error) {
	return n.target.serverSideAsk(ctx, event, args)
}
