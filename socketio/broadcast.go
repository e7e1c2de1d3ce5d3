package socketio

import (
	"context"
	"slices"
)

// A Broadcast addresses admitted sockets of a namespace. It is a value: keep it,
// share it, and refine it without changing the one it came from.
//
//	lobby := io.To("lobby")
//	lobby.Except("muted").Emit("said", text)
type Broadcast struct {
	namespace *Namespace
	rooms     *names // nil means all sockets
	except    *names
	local     bool
	volatile  bool
}

// names is a list that grows without being copied, so that a long one costs no more
// when it is built name by name.
type names struct {
	earlier *names
	more    []string
}

// with returns the list with more names. It does not keep the slice.
func (n *names) with(more []string) *names { return &names{earlier: n, more: slices.Clone(more)} }

// distinct returns the names without repeats; nil for no list.
func (n *names) distinct() []string {
	if n == nil {
		return nil
	}
	var lists [][]string
	for ; n != nil; n = n.earlier {
		lists = append(lists, n.more)
	}
	slices.Reverse(lists)
	return append([]string{}, distinct(slices.Concat(lists...))...)
}

// selector says which sockets the broadcast addresses.
func (b Broadcast) selector() Selector {
	return Selector{Rooms: b.rooms.distinct(), Except: b.except.distinct(), Local: b.local}
}

// A Selector says which admitted sockets of a namespace are meant.
type Selector struct {
	// Rooms: the sockets in any of them. Nil means all sockets; a list without
	// members none.
	Rooms []string
	// Except: but not those in any of these.
	Except []string
	// Local: only those of this node.
	Local bool
}

// A Packet is an event on its way to an Adapter: not yet encoded, since each node
// encodes for its own sockets.
type Packet struct {
	Event    string
	Args     []any
	Volatile bool
}

// To adds sockets that are in any of the rooms. Without rooms it adds no socket: a
// list that happens to be empty does not mean all sockets.
func (b Broadcast) To(rooms ...string) Broadcast {
	b.rooms = b.rooms.with(rooms)
	return b
}

// In is To, by its other name.
func (b Broadcast) In(rooms ...string) Broadcast { return b.To(rooms...) }

// Except takes out the sockets that are in any of the rooms.
func (b Broadcast) Except(rooms ...string) Broadcast {
	b.except = b.except.with(rooms)
	return b
}

// Local confines the broadcast to this node.
func (b Broadcast) Local() Broadcast {
	b.local = true
	return b
}

// Volatile drops the event for sockets that cannot be written to at once. A
// socket on long-polling can be written to only while a poll waits.
func (b Broadcast) Volatile() Broadcast {
	b.volatile = true
	return b
}

// Emit sends an event. It never blocks and fails only for what cannot be
// encoded or for the adapter's reasons: a socket that is too slow is closed by
// itself. The event is encoded once, however many sockets there are.
func (b Broadcast) Emit(event string, args ...any) error {
	return b.namespace.adapter.Broadcast(Packet{Event: event, Args: args, Volatile: b.volatile}, b.selector())
}

// EmitWithAck sends an event and waits until every socket addressed has
// acknowledged it or ended. When ctx ends first, it returns the answers so far
// with the context's cause; without a deadline, one silent peer makes it wait. A
// socket that owes Options.MaxPendingAcks already is left out, and so is, with
// Volatile, one that cannot be written to.
func (b Broadcast) EmitWithAck(ctx context.Context, event string, args ...any) ([]Arguments, error) {
	return b.namespace.adapter.BroadcastWithAck(ctx, Packet{Event: event, Args: args, Volatile: b.volatile}, b.selector())
}

// FetchSockets describes the sockets addressed.
func (b Broadcast) FetchSockets(ctx context.Context) ([]SocketInfo, error) {
	return b.namespace.adapter.FetchSockets(ctx, b.selector())
}

// SocketsJoin makes the sockets addressed join the rooms.
func (b Broadcast) SocketsJoin(ctx context.Context, rooms ...string) error {
	return b.namespace.adapter.SocketsJoin(ctx, b.selector(), rooms)
}

// SocketsLeave makes the sockets addressed leave the rooms.
func (b Broadcast) SocketsLeave(ctx context.Context, rooms ...string) error {
	return b.namespace.adapter.SocketsLeave(ctx, b.selector(), rooms)
}

// DisconnectSockets ends the sockets addressed, as Socket.Disconnect does; with
// closeConnection, as Socket.CloseConnection does.
func (b Broadcast) DisconnectSockets(ctx context.Context, closeConnection bool) error {
	return b.namespace.adapter.DisconnectSockets(ctx, b.selector(), closeConnection)
}
