package socketio

import (
	"context"
	"errors"
	"slices"

	"socketiojwt/engineio"
)

// A Broadcast addresses admitted sockets of a namespace, or of all namespaces of a Rule,
// on all nodes of a cluster. It is a value: keep it, share it, and refine it without
// changing the one it came from.
//
//	lobby := srv.To("lobby")
//	lobby.Except("muted").Emit("said", text)
//
// What its methods do to sockets of this node has been done when they return. What
// concerns sockets of other nodes has then been handed to the Bus. Their methods report
// errors of the Bus too, and do the rest all the same.
type Broadcast struct {
	target   target
	rooms    *names // nil means all sockets
	except   *names
	local    bool
	volatile bool
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
	return Selector{All: b.rooms == nil, Rooms: b.rooms.distinct(), Except: b.except.distinct()}
}

// A Packet is an event that was sent; see Mux.OnEmit.
type Packet struct {
	Event    string
	Args     []any
	Volatile bool
}

// outgoing is an event on its way to sockets.
type outgoing struct {
	event    string
	args     []any     // of an event of this node
	came     Arguments // of an event of another node
	volatile bool
	local    bool
	body     body
}

func (o *outgoing) packet() Packet {
	p := Packet{Event: o.event, Args: o.args, Volatile: o.volatile}
	if o.came.Len() > 0 {
		p.Args = o.came.Args()
	}
	return p
}

// message returns the message that takes the event to other nodes.
func (o *outgoing) message() Message {
	return Message{Kind: KindBroadcast, Data: o.body.array, Attachments: o.body.attachments, Volatile: o.volatile}
}

// encode encodes an event, once for all nodes, and makes the packet for the
// namespace of the target's name.
func (b Broadcast) encode(event string, args []any, id uint64, wantsAck bool) (*engineio.Message, outgoing, error) {
	m, body, err := encodeEvent(b.target.name, id, wantsAck, event, args)
	if err != nil {
		return nil, outgoing{}, err
	}
	return m, outgoing{event: event, args: args, volatile: b.volatile, local: b.local, body: body}, nil
}

// To adds sockets that are in any of the rooms. Without rooms it adds no socket: a
// list that happens to be empty does not mean all sockets. A socket's id is a room that
// holds only that socket.
func (b Broadcast) To(rooms ...string) Broadcast {
	b.rooms = b.rooms.with(rooms)
	return b
}

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

// Emit sends an event. It never blocks and fails only for what cannot be encoded, or if
// the Bus does not take the event: a socket that is too slow is closed by itself. The
// event is encoded once, however many sockets there are.
func (b Broadcast) Emit(event string, args ...any) error {
	_, err := b.emit(event, args)
	return err
}

// EmitLocal sends an event to the sockets of this node only, like Local().Emit, and
// returns for how many it was queued or written.
func (b Broadcast) EmitLocal(event string, args ...any) (sockets int, err error) {
	b.local = true
	return b.emit(event, args)
}

func (b Broadcast) emit(event string, args []any) (sockets int, err error) {
	packet, o, err := b.encode(event, args, 0, false)
	if err != nil {
		return 0, err
	}
	to := b.selector()
	sockets = b.target.send(packet, &o, to)
	if b.target.server.link.Load() == nil {
		return sockets, nil
	}
	m := o.message()
	return sockets, b.publish(&m, to)
}

// EmitWithAck sends an event and waits until every socket addressed has acknowledged it
// or ended. Answers says which sockets have answered and which have not. When ctx ends
// first, EmitWithAck returns the answers so far with the context's cause. Without a
// deadline, one silent peer of this node makes it wait; answers of other nodes are
// awaited for 10 minutes at most. A socket that owes Options.MaxPendingAcks already is
// left out, and so is, with Volatile, one that cannot be written to.
//
// Each other node first says how many of its sockets it has sent the event to. If one
// does not within 5 seconds, EmitWithAck returns a *PartialError, once the answers of the
// other nodes have come.
func (b Broadcast) EmitWithAck(ctx context.Context, event string, args ...any) (Answers, error) {
	id := b.target.server.nextAck()
	packet, o, err := b.encode(event, args, id, true)
	if err != nil {
		return Answers{}, err
	}
	to := b.selector()
	g := gathering{local: b.target.ask(packet, &o, id, to), others: b.askOthers(ctx, &o, to)}
	defer g.others.close()
	err = g.run(ctx)
	return g.answers, err
}

// Sockets returns the admitted sockets addressed that are on this node, in no order.
func (b Broadcast) Sockets() (all []*Socket) {
	to := b.selector()
	b.target.each(func(n *Namespace) { all = append(all, n.local.sockets(to)...) })
	return all
}

// FetchSockets describes the sockets addressed. If not all other nodes answer until ctx
// ends, or within 5 seconds if it has no deadline, it returns what it has with a
// *PartialError.
func (b Broadcast) FetchSockets(ctx context.Context) ([]SocketInfo, error) {
	to := b.selector()
	infos := b.target.fetch(to)
	l := b.target.server.link.Load()
	if l == nil || b.local || to.none() {
		return infos, nil
	}
	m := Message{Kind: KindFetch, To: to}
	b.target.address(&m)
	err := l.collect(ctx, &m, func(reply *Message) {
		for i := range reply.Sockets {
			info := reply.Sockets[i]
			info.check(reply.From)
			infos = append(infos, info)
		}
	})
	return infos, err
}

// SocketsJoin makes the sockets addressed join the rooms. It returns the errors of Join
// for sockets of this node. Another node ignores what its sockets may not join.
func (b Broadcast) SocketsJoin(rooms ...string) error {
	to := b.selector()
	nameErr, err := b.target.join(to, rooms)
	if nameErr != nil {
		return nameErr
	}
	return errors.Join(err, b.publish(&Message{Kind: KindJoin, Rooms: slices.Clone(rooms)}, to))
}

// SocketsLeave makes the sockets addressed leave the rooms.
func (b Broadcast) SocketsLeave(rooms ...string) error {
	to := b.selector()
	b.target.leave(to, rooms)
	return b.publish(&Message{Kind: KindLeave, Rooms: slices.Clone(rooms)}, to)
}

// DisconnectSockets ends the sockets addressed, as Socket.Disconnect does: how is nil, an
// *Ending, or another error. Other nodes get the text of the cause. If the last event of
// the Ending cannot be encoded, the sockets end without it and the error is returned.
func (b Broadcast) DisconnectSockets(how error) error {
	to := b.selector()
	b.target.disconnect(to, how)
	m, err := b.endingMessage(how)
	return errors.Join(err, b.publish(&m, to))
}
