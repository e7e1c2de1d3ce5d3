package redisbus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/rueidis"

	"socketiojwt/redisbus/internal/wire"
	"socketiojwt/socketio"
)

// EmitterOptions configure an Emitter. They must be those of the nodes. The zero value is ready
// to use.
type EmitterOptions struct {
	// Wire is how the nodes of the cluster talk to each other. The zero value is Classic.
	Wire Wire
	// Prefix is that of the nodes. Empty means "socket.io".
	Prefix string
	// Mode must be that of Node's nodes, if Wire is Sharded and the cluster has any.
	Mode Mode
	// Streams, StreamLength and ShardedRequests are those of the nodes, if Wire is Streams.
	Streams, StreamLength int
	ShardedRequests       bool
}

// forNode returns the options of a node with the same wire.
func (o EmitterOptions) forNode() Options {
	return Options{Wire: o.Wire, Prefix: o.Prefix, Mode: o.Mode, Streams: o.Streams, StreamLength: o.StreamLength, ShardedRequests: o.ShardedRequests}
}

// An Emitter sends events to the sockets of a cluster, from a program that has no sockets itself,
// such as a worker or a script. Its methods address the namespace "/":
//
//	emitter, err := redisbus.NewEmitter(ctx, rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}}, redisbus.EmitterOptions{})
//	if err != nil {
//		return err
//	}
//	defer emitter.Close()
//	err = emitter.To("lobby").Emit(ctx, "news", "hello")
//
// Nodes of this module and of Node's adapters carry out what it sends. Package denyredis revokes
// tokens from such a program.
//
// Methods that send return when Redis has received the message. They do not know whether a node
// has, because Redis does not store messages of the classic and the sharded wire. Messages that
// one goroutine sends arrive in order, but on the sharded wire with a Redis Cluster those for
// different rooms may not. All methods may be called concurrently.
type Emitter struct{ Broadcast }

// NewEmitter connects to Redis and tries out everything that the emitter needs. It fails like
// New. Its user of Redis needs only the right to publish to the channels of Prefix, and on the
// streams wire the right to add to the streams.
func NewEmitter(ctx context.Context, client rueidis.ClientOption, opts EmitterOptions) (*Emitter, error) {
	all, err := opts.forNode().withDefaults()
	if err != nil {
		return nil, err
	}
	if client, err = clientOption(client); err != nil {
		return nil, err
	}
	s := &sender{format: newFormat(&all, wire.NoNode), prefix: all.Prefix}
	if s.access, err = connect(ctx, client, all.Wire); err != nil {
		return nil, err
	}
	s.sharded = s.sharded || all.ShardedRequests
	if err := s.check(ctx, &client, all.Prefix); err != nil {
		s.client.Close()
		return nil, err
	}
	return &Emitter{Broadcast{sender: s, namespace: "/", all: true}}, nil
}

// Of returns a Broadcast that addresses all sockets of a namespace. A name without a slash at its
// start gets one.
func (e *Emitter) Of(namespace string) Broadcast {
	if namespace == "" || namespace[0] != '/' {
		namespace = "/" + namespace
	}
	return Broadcast{sender: e.sender, namespace: namespace, all: true}
}

// Heard returns an error that matches ErrNotHeard if no node that has the namespace hears what the
// emitter sends, for example because the nodes have another wire or prefix. An error of another kind
// means that Redis did not say it: the emitter's user may need the right to PUBSUB.
func (e *Emitter) Heard(ctx context.Context, namespace string) error {
	return e.sender.heard(ctx, e.Of(namespace).namespace)
}

// Close closes the connection. Methods that are in progress fail.
func (e *Emitter) Close() { e.sender.client.Close() }

// A Broadcast addresses sockets of a namespace on all nodes. It is a value that can be kept and
// shared. Refining it does not change the original. Unlike a socketio.Broadcast, it waits for
// Redis.
type Broadcast struct {
	sender        *sender
	namespace     string
	all           bool // without To
	rooms, except []string
	volatile      bool
}

// To adds sockets that are in any of the rooms. Without rooms it adds no socket: an empty list
// does not mean all sockets. A socket's id is a room that holds only that socket.
func (b Broadcast) To(rooms ...string) Broadcast {
	b.all, b.rooms = false, append(slices.Clip(b.rooms), rooms...)
	return b
}

// Except excludes the sockets that are in any of the rooms.
func (b Broadcast) Except(rooms ...string) Broadcast {
	b.except = append(slices.Clip(b.except), rooms...)
	return b
}

// Volatile drops the event for sockets that cannot be written to at once.
func (b Broadcast) Volatile() Broadcast {
	b.volatile = true
	return b
}

// Emit sends an event to the sockets. It accepts the same values as socketio.Broadcast.Emit.
func (b Broadcast) Emit(ctx context.Context, event string, args ...any) error {
	m := socketio.Message{Kind: socketio.KindBroadcast, Volatile: b.volatile}
	var err error
	if m.Data, m.Attachments, err = socketio.EncodeEvent(event, args...); err != nil {
		return fmt.Errorf("redisbus: event %q: %w", event, err)
	}
	return b.send(ctx, &m)
}

// SocketsJoin makes the sockets join the rooms.
func (b Broadcast) SocketsJoin(ctx context.Context, rooms ...string) error {
	return b.send(ctx, &socketio.Message{Kind: socketio.KindJoin, Rooms: rooms})
}

// SocketsLeave makes the sockets leave the rooms.
func (b Broadcast) SocketsLeave(ctx context.Context, rooms ...string) error {
	return b.send(ctx, &socketio.Message{Kind: socketio.KindLeave, Rooms: rooms})
}

// DisconnectSockets ends the sockets, as socketio.Broadcast.DisconnectSockets does: how is nil,
// an *Ending, or another error. Nodes of this module receive the text of the cause and the last
// event. Nodes of Node's adapters receive only whether to close the whole connection.
func (b Broadcast) DisconnectSockets(ctx context.Context, how error) error {
	m, err := socketio.EndingMessage(how)
	return errors.Join(err, b.send(ctx, &m))
}

// ServerSideEmit sends an event to the nodes themselves: see socketio.Mux.OnServerSide. It
// reaches all nodes, whatever To and Except say.
func (b Broadcast) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	m := socketio.Message{Kind: socketio.KindServerSide}
	var err error
	if m.Data, m.Attachments, err = socketio.EncodeEvent(event, args...); err != nil {
		return fmt.Errorf("redisbus: server-side event %q: %w", event, err)
	}
	return b.send(ctx, &m)
}

func (b Broadcast) send(ctx context.Context, m *socketio.Message) error {
	m.Namespace = b.namespace
	m.To = socketio.Selector{All: b.all, Rooms: distinct(b.rooms), Except: distinct(b.except)}
	return b.sender.send(ctx, m)
}

// distinct returns the names without repeats, in their order.
func distinct(names []string) []string {
	seen := make(map[string]bool, len(names))
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		repeated := seen[name]
		seen[name] = true
		return repeated
	})
}
