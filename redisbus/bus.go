package redisbus

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/internal/logging"
	"socketiojwt/redisbus/internal/wire"
	"socketiojwt/socketio"
)

var (
	errClosed = errors.New("redisbus: the Bus is closed")
	errJoined = errors.New("redisbus: a Bus joins one server; make another with New")
)

// A Bus joins one server to the nodes of a cluster. Make it with New. All methods may be called
// concurrently.
type Bus struct {
	access
	opts    Options
	id      socketio.NodeID
	format  format
	own     *ownCodec
	table   *table
	outbox  *outbox
	inbox   *inbox
	peers   peers
	heardOf speakers // with Options.Key
	surveys surveys
	figures figures
	sampler logging.Sampler
	began   time.Time
	gaps    sync.Mutex   // held during Options.OnGap
	asked   atomic.Int64 // when Ask was called last
	unlike  atomic.Int64 // nodes whose channels are sharded and ours are not, or the other way round
	unheard atomic.Int64 // clients of Redis that listen to our own nodes and have not made themselves known

	joined  atomic.Bool
	deliver func(socketio.Message)
	ears    atomic.Pointer[subscriber] // nil until Join

	ctx     context.Context // ends with the Bus
	cancel  context.CancelFunc
	closing sync.Once
}

var _ interface {
	socketio.RoomWatcher
	socketio.HealthReporter
} = (*Bus)(nil)

// New connects to Redis and tries out everything that the bus needs. It fails if Redis cannot
// be reached, is too old, or does not allow a command or a channel, and says which. It waits
// until ctx ends, but no longer than the timeouts of the client.
//
// New changes zero values of the client option: see docs/nodes.md. The Bus has a client of its
// own, because two servers must not share a connection.
func New(ctx context.Context, client rueidis.ClientOption, opts Options) (*Bus, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if client, err = clientOption(client); err != nil {
		return nil, err
	}
	b := newBus(opts)
	if b.access, err = connect(ctx, client, opts.Wire); err != nil {
		return nil, err
	}
	b.sharded = b.sharded || opts.ShardedRequests
	if b.sharded && b.cluster {
		b.outbox.split(queuesOfCluster)
	}
	if err := b.check(ctx, &client); err != nil {
		b.client.Close()
		return nil, err
	}
	return b, nil
}

// newBus returns a Bus without a client.
func newBus(opts Options) *Bus {
	b := &Bus{opts: opts, id: newID(), began: time.Now()}
	b.sampler = logging.Sampler{PerMinute: 60, Repeat: time.Minute}
	b.own = newOwnCodec(&opts, b.id)
	b.heardOf.add(stamp{from: b.id})
	b.format = newFormat(&opts, b.id)
	b.table = newTable(b.format)
	b.outbox = newOutbox(b)
	b.inbox = &inbox{most: opts.MaxInbox, deliver: b.open, ended: func(from, until time.Time) { b.gap(Gap{from, until, ErrOverflow}) }}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// newID returns a random ID. It has the length of a socket id.
func newID() socketio.NodeID {
	var random [15]byte
	_, _ = rand.Read(random[:]) // never fails
	return socketio.NodeID(base64.RawURLEncoding.EncodeToString(random[:]))
}

// ID returns the ID of this node.
func (b *Bus) ID() socketio.NodeID { return b.id }

// Join is the Bus of socketio.Options. It returns when this node hears the other nodes of this
// module. The Bus then belongs to the server, which closes it.
func (b *Bus) Join(deliver func(socketio.Message)) (socketio.Bus, error) {
	if b.joined.Swap(true) {
		return nil, errJoined
	}
	b.deliver = deliver
	s := newSubscriber(b.client, subscriberOptions{
		Sharded: b.sharded,
		Message: b.heard,
		Gap: func(g gap) {
			b.greetAgain()
			b.gap(Gap{g.From, g.Until, g.Cause})
		},
		Logger: b.opts.Logger,
	})
	own := []string{b.own.all, b.own.mine}
	b.ears.Store(s)
	s.Change(own, nil)
	ctx, cancel := context.WithTimeout(b.ctx, 2*stuck)
	defer cancel()
	for _, q := range b.outbox.queues { // to answer nodes that this one must know
		go q.run(b.ctx)
	}
	err := s.Wait(ctx, own...)
	if err == nil {
		err = b.greet(ctx)
	}
	var bus socketio.Bus = b
	if err == nil && b.opts.Wire == Streams {
		bus, err = b.joinStreams(ctx)
	}
	if err != nil {
		_ = b.Close(ctx)
		return nil, fmt.Errorf("redisbus: join: %w", err)
	}
	go b.beat()
	return bus, nil
}

// Publish queues m for the other nodes. It returns ErrBacklog if the queue is full.
func (b *Bus) Publish(m *socketio.Message) error {
	p, err := b.write(m)
	if err != nil || p.channel == "" {
		return err
	}
	return b.outbox.put(p)
}

// write writes a message for the other nodes. The channel is empty if there is nothing to send.
func (b *Bus) write(m *socketio.Message) (p parcel, err error) {
	p, err = b.format.publish(m)
	switch {
	case errors.Is(err, wire.ErrNobody):
		return parcel{}, nil
	case errors.Is(err, wire.ErrGoOnly):
		ours := *m
		ours.Request = wire.GoRequest(string(b.id), m.Request)
		return b.writeOwn(b.own.all, &ours)
	}
	return p, err
}

// writeOwn writes a message for our own nodes.
func (b *Bus) writeOwn(channel string, m *socketio.Message) (parcel, error) {
	signed := *m
	signed.From = b.id
	return b.own.encode(channel, ownMessage, &signed)
}

// Reply queues m for the node that sent a request.
func (b *Bus) Reply(to socketio.NodeID, m *socketio.Message) error {
	p, err := b.writeReply(to, m)
	if err != nil || p.channel == "" {
		return err
	}
	return b.outbox.put(p)
}

func (b *Bus) writeReply(to socketio.NodeID, m *socketio.Message) (p parcel, err error) {
	request, isOurs := wire.Asker(m.Request)
	if isOurs || m.Kind == socketio.KindExtension {
		reply := *m
		reply.Request = request
		return b.writeOwn(b.own.to(to), &reply)
	}
	p, err = b.format.reply(to, m)
	if errors.Is(err, wire.ErrNobody) {
		return parcel{}, nil
	}
	return p, err
}

// Rooms subscribes to the channels of rooms that have received their first socket on this node,
// and gives up those of rooms that have lost their last. For a namespace without rooms, it
// waits until its channels are subscribed.
func (b *Bus) Rooms(namespace string, opened, closed []string) {
	add, remove := b.table.change(namespace, opened, closed)
	b.ears.Load().Change(add, remove)
	if len(opened)+len(closed) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, stuck)
	defer cancel()
	if err := b.ears.Load().Wait(ctx, add...); err != nil {
		b.opts.Logger.Error("redisbus: namespace cannot be heard yet", "namespace", namespace, "error", err)
	}
}

// Close sends what is queued, until ctx ends, and leaves the cluster.
func (b *Bus) Close(ctx context.Context) (err error) {
	b.closing.Do(func() {
		ears := b.ears.Load()
		if ears != nil && ctx.Err() == nil {
			err = b.outbox.flush(ctx)
		}
		b.outbox.close()
		b.inbox.close()
		b.surveys.close()
		if ears != nil {
			_ = ears.Close(ctx)
			b.sayBye(ctx)
		}
		b.cancel()
		b.client.Close()
	})
	return err
}

// sayBye tells the other nodes that this one leaves, even if ctx has ended.
func (b *Bus) sayBye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), byeFor)
	defer cancel()
	_ = b.say(ctx, b.own.all, ownBye) // otherwise the others notice by its silence
}

const byeFor = 200 * time.Millisecond

// gap reports a gap.
func (b *Bus) gap(g Gap) {
	b.figures.gaps.Add(1)
	if b.opts.OnGap == nil {
		return
	}
	b.gaps.Lock()
	defer b.gaps.Unlock()
	b.opts.OnGap(g)
}
