package socketio

import "context"

// A Namespace is a part of a server with its own middleware, handlers, sockets and rooms.
// Methods of the Mux register before the server runs. All others may be called concurrently.
type Namespace struct {
	// Mux has the namespace's middleware and handlers.
	*Mux
	// Broadcast addresses all sockets of the namespace. It must not be changed.
	Broadcast

	local   *listing
	rule    *Rule // of a dynamic namespace
	refs    int   // number of sockets, including connecting ones; guarded by Server.mu
	members int   // number of admitted sockets; guarded by Server.mu
	place   int32 // index in Rule.listed plus 1 while members is positive; guarded by Server.mu
}

// newNamespace makes a namespace. If rule is not nil, t is the rule's table.
func (srv *Server) newNamespace(name string, t *table, rule *Rule) *Namespace {
	n := &Namespace{Mux: &Mux{name: name, server: srv, table: t}, rule: rule}
	n.Broadcast = Broadcast{target: target{server: srv, namespace: n, name: name}}
	n.local = newListing(n)
	return n
}

// Open declares that the namespace admits every socket that passes its middleware, even if
// there is no middleware. Without Open, a namespace without middleware is an error of
// Server.Handler.
func (n *Namespace) Open() *Namespace {
	n.open()
	return n
}

// BroadcastIn returns a broadcast to all sockets of the namespace of that name. Unlike Of and
// Lookup, it works if the namespace does not exist on this node. So it reaches the sockets of a
// dynamic namespace that exists only on other nodes.
func (srv *Server) BroadcastIn(namespace string) Broadcast {
	return Broadcast{target: target{server: srv, name: namespace}}
}

// ServerSideEmit sends an event to the functions of Mux.OnServerSide of the same namespace on
// the other nodes. It never blocks. Without Options.Bus it does nothing. It fails if the event
// cannot be encoded or the Bus does not accept it.
func (n *Namespace) ServerSideEmit(event string, args ...any) error {
	return n.target.serverSideEmit(event, args)
}

// ServerSideEmitWithAck is ServerSideEmit, and then waits for the answers of the other nodes.
// If ctx ends before all have answered, or 5 seconds pass and ctx has no deadline, it returns
// the answers so far and a *PartialError.
func (n *Namespace) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]ServerSideAnswer, error) {
	return n.target.serverSideAsk(ctx, event, args)
}
