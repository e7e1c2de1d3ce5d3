package socketio

import (
	"context"
	"errors"
	"slices"

	"socketiojwt/engineio"
	"socketiojwt/observe"
)

// A Broadcast addresses admitted sockets of a namespace, or of all namespaces of a Rule, on all
// nodes of a cluster. It is a value that can be kept and shared. Refining it does not change
// the original.
//
//	lobby := srv.To("lobby")
//	lobby.Except("muted").Emit("said", text)
//
// When a method returns, its effect on sockets of this node is complete, and its message for
// sockets of other nodes has been handed to the Bus. If the Bus fails, the method completes the
// local part and returns the error of the Bus too. All methods may be called concurrently.
type Broadcast struct {
	target   target
	rooms    *names // nil means all sockets
	except   *names
	local    bool
	volatile bool
	ctx      context.Context // for Options.Observer; nil means none
	answers  int             // bytes of answers that EmitWithAck keeps; 0 means no bound
}

// names is a list that can be extended without copying, so that building a long list name by
// name takes linear time.
type names struct {
	earlier *names
	more    []string
}

// with returns the list with more names. It does not keep the slice more.
func (n *names) with(more []string) *names {
	if len(more) != 1 {
		return &names{earlier: n, more: slices.Clone(more)}
	}
	single := &struct { // one allocation for the usual broadcast to one room
		names
		name [1]string
	}{names{earlier: n}, [1]string{more[0]}}
	single.more = single.name[:]
	return &single.names
}

// distinct returns the names without repeats, which the caller must not change. It returns nil for
// a nil list.
func (n *names) distinct() []string {
	if n == nil {
		return nil
	}
	if n.earlier == nil && len(n.more) == 1 {
		return n.more
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

// encode encodes an event that asks for acknowledgements once for all nodes, and makes the packet
// for the namespace of the target's name.
func (b Broadcast) encode(event string, args []any, id uint64) (*engineio.Message, outgoing, error) {
	m, body, err := encodeEvent(b.target.name, id, true, event, args)
	if err != nil {
		return nil, outgoing{}, err
	}
	return m, outgoing{event: event, args: args, volatile: b.volatile, local: b.local, body: body}, nil
}

// To adds sockets that are in any of the rooms. Without rooms it adds no socket: an empty list
// does not mean all sockets. A socket's id is a room that holds only that socket.
func (b Broadcast) To(rooms ...string) Broadcast {
	b.rooms = b.rooms.with(rooms)
	return b
}

// Except excludes the sockets that are in any of the rooms.
func (b Broadcast) Except(rooms ...string) Broadcast {
	b.except = b.except.with(rooms)
	return b
}

// Local restricts the broadcast to this node.
func (b Broadcast) Local() Broadcast {
	b.local = true
	return b
}

// Volatile drops the event for sockets that cannot be written to at once. A socket on
// long-polling can be written to only while a poll is pending.
func (b Broadcast) Volatile() Broadcast {
	b.volatile = true
	return b
}

// WithContext sets the context that Options.Observer gets, for example with the span of the
// handler that sends the broadcast. It has no other effect: Emit does not wait.
func (b Broadcast) WithContext(ctx context.Context) Broadcast {
	b.ctx = ctx
	return b
}

// MaxAnswers bounds the bytes of the answers that EmitWithAck keeps, because peers choose their
// size. Once they exceed n, EmitWithAck returns the answers so far and ErrAnswersTooLarge. Zero
// means no bound, and so does a negative n.
func (b Broadcast) MaxAnswers(n int) Broadcast {
	b.answers = max(n, 0)
	return b
}

// Emit sends an event. It never blocks. It fails only if the event cannot be encoded or the Bus
// does not accept it. A socket that is too slow is closed, which is not an error of Emit. The
// event is encoded once, however many sockets there are.
func (b Broadcast) Emit(event string, args ...any) error {
	_, err := b.emit(event, args)
	return err
}

// EmitLocal sends an event to the sockets of this node only, like Local().Emit. It returns the
// number of sockets for which the event was queued or written.
func (b Broadcast) EmitLocal(event string, args ...any) (sockets int, err error) {
	b.local = true
	return b.emit(event, args)
}

func (b Broadcast) emit(event string, args []any) (sockets int, err error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	body, err := e.event(event, args)
	if err != nil {
		return 0, err
	}
	o := outgoing{event: event, args: args, volatile: b.volatile, local: b.local, body: body}
	if b.target.server.opts.Observer != nil {
		running := b.observe(event)
		defer func() { running.End(sent(sockets, err)) }()
	}
	to := b.selector()
	if l := b.recorder(to); l != nil {
		return 0, b.target.record(l, o.kept(), to, nil)
	}
	sockets = b.target.send(&o, to)
	if b.others(to) == nil {
		return sockets, nil
	}
	m := o.message()
	e.lost = true // stays so if the Bus ends the goroutine
	err = b.publish(&m, to)
	e.lost = errors.Is(err, errPanic)
	return sockets, err
}

// EmitWithAck sends an event and waits until every addressed socket has acknowledged it or
// ended. Answers says which sockets have answered and which have not. If ctx ends first,
// EmitWithAck returns the answers so far and the context's cause. Without a deadline, one
// silent peer of this node makes it wait for as long as the peer stays connected. Answers of
// other nodes are awaited for at most 10 minutes. EmitWithAck leaves out a socket that already
// has Options.MaxPendingAcks pending acknowledgements. With Volatile, it also leaves out a
// socket that cannot be written to.
//
// Each other node first replies with the number of sockets it has sent the event to. If a node
// does not reply within 5 seconds, EmitWithAck returns a *PartialError once the answers of the
// other nodes have arrived. If the server closes, EmitWithAck returns the answers so far and an
// error that wraps ErrClosed.
func (b Broadcast) EmitWithAck(ctx context.Context, event string, args ...any) (Answers, error) {
	id := b.target.server.nextAck()
	packet, o, err := b.encode(event, args, id)
	if err != nil {
		return Answers{}, err
	}
	if b.ctx == nil {
		b.ctx = ctx
	}
	g := b.ask(ctx, packet, &o, id)
	defer g.others.close()
	err = g.run(ctx)
	return g.answers, err
}

// ask sends an event whose acknowledgements are gathered.
func (b Broadcast) ask(ctx context.Context, packet *engineio.Message, o *outgoing, id uint64) (g gathering) {
	if b.target.server.opts.Observer != nil {
		running := b.observe(o.event)
		defer func() { running.End(observe.Outcome{Result: observe.OK, Count: len(g.local.pending)}) }()
	}
	to := b.selector()
	return gathering{local: b.target.ask(packet, o, id, to), others: b.askOthers(ctx, o, to), most: b.answers}
}

// Sockets returns the addressed admitted sockets of this node, in no particular order.
func (b Broadcast) Sockets() (all []*Socket) {
	to := b.selector()
	b.target.each(func(n *Namespace) { all = append(all, n.local.sockets(to)...) })
	return all
}

// FetchSockets describes the addressed sockets. If ctx ends before all other nodes have
// answered, or 5 seconds pass and ctx has no deadline, it returns the answers so far and a
// *PartialError.
func (b Broadcast) FetchSockets(ctx context.Context) ([]SocketInfo, error) {
	to := b.selector()
	infos := b.target.fetch(to)
	l := b.others(to)
	if l == nil {
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

// SocketsJoin makes the addressed sockets join the rooms. It returns the errors of Join for
// sockets of this node. Errors of Join on other nodes are not returned.
func (b Broadcast) SocketsJoin(rooms ...string) error {
	to := b.selector()
	nameErr, err := b.target.join(to, rooms)
	if nameErr != nil {
		return nameErr
	}
	return errors.Join(err, b.publish(&Message{Kind: KindJoin, Rooms: slices.Clone(rooms)}, to))
}

// SocketsLeave makes the addressed sockets leave the rooms.
func (b Broadcast) SocketsLeave(rooms ...string) error {
	to := b.selector()
	b.target.leave(to, rooms)
	return b.publish(&Message{Kind: KindLeave, Rooms: slices.Clone(rooms)}, to)
}

// DisconnectSockets ends the addressed sockets, as Socket.Disconnect does: how is nil, an
// *Ending, or another error. Other nodes receive the text of the cause. If the last event of
// the Ending cannot be encoded, the sockets end without it and DisconnectSockets returns the
// error.
func (b Broadcast) DisconnectSockets(how error) error {
	to := b.selector()
	b.target.disconnect(to, how)
	m, err := EndingMessage(how)
	return errors.Join(err, b.publish(&m, to))
}
