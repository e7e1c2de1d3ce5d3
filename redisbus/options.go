package redisbus

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/internal/logging"
	"socketiojwt/observe"
)

// A Wire is the way in which nodes talk to each other. All nodes of a cluster must use the same.
type Wire int

// The wires of Socket.IO's adapters for Redis.
const (
	// Classic is the wire of createAdapter of @socket.io/redis-adapter, and of
	// @socket.io/redis-emitter. It needs Redis 6.2.
	Classic Wire = iota
	// Sharded is the wire of createShardedAdapter of @socket.io/redis-adapter. Its channels are
	// sharded ones, so that each message concerns one master of a Redis Cluster. It needs Redis 7.
	Sharded
	// Streams is the wire of createAdapter of @socket.io/redis-streams-adapter 0.3. What concerns
	// sockets is in a stream, which a node reads on after it was away. It is the wire with which
	// socketio.Options.Recovery recovers sessions on any node. It needs Redis 7.
	Streams
)

var wireNames = []string{Classic: "classic", Sharded: "sharded", Streams: "streams"}

// String returns the name of the wire.
func (w Wire) String() string {
	if w < 0 || int(w) >= len(wireNames) {
		return fmt.Sprintf("wire %d", int(w))
	}
	return wireNames[w]
}

// A Mode says to which channel a node sends what is for one room, on the sharded wire. A node
// hears nodes of all modes. A node of Node's adapter hears only its own mode and Static, so all
// nodes should have the mode of those.
type Mode int

// The modes of Node's sharded adapter, whose option is subscriptionMode.
const (
	// Dynamic uses a channel for each room, except rooms whose names have the length of a
	// socket's id.
	Dynamic Mode = iota
	// DynamicPrivate uses a channel for each room, among them those that are ids of sockets.
	DynamicPrivate
	// Static uses only the channel of the namespace, which all nodes hear.
	Static
)

// Options configure a Bus. The zero value is ready to use.
type Options struct {
	// Wire is how the nodes of the cluster talk to each other. The zero value is Classic.
	Wire Wire
	// Mode says to which channels this node sends on the sharded wire. The zero value is Dynamic.
	Mode Mode
	// Prefix begins the names of all channels, as the option key of Node's adapter does. Empty
	// means "socket.io". Clusters that share a Redis must have different prefixes.
	Prefix string
	// Streams is the number of streams, as the option streamCount of Node's adapter. All nodes must
	// have the same. With one, the name of the stream is Prefix. Zero means 1.
	Streams int
	// StreamLength is about how many entries a stream keeps, as the option maxLen of Node's
	// adapter. It bounds what a node that is away, and a session that is lost, can miss. Zero means
	// 10,000.
	StreamLength int
	// SessionPrefix begins the keys of lost sessions, as the option sessionKeyPrefix of Node's
	// adapter. Nodes with other prefixes do not recover the sessions. Empty means "sio:session:".
	SessionPrefix string
	// ShardedRequests uses sharded channels for what the streams wire publishes, as the option
	// useShardedPubSub of Node's adapter. All nodes must have the same.
	ShardedRequests bool
	// Key authenticates messages that only nodes of this module exchange, and makes nodes refuse
	// those that were recorded and are published again. If it is set, all nodes must have the same.
	// It does not encrypt, and does not protect messages in the format of Node's adapters or entries
	// of streams against being repeated. Empty means no authentication.
	Key []byte
	// Name is what operators call this node, such as the name of its machine. Other nodes list it
	// in Node. Longer names are cut at 64 bytes. Empty means none.
	Name string
	// MaxQueue bounds the bytes that wait to be sent to Redis. Emit returns ErrBacklog beyond
	// it. Zero means 4 MiB.
	MaxQueue int
	// MaxInbox bounds the bytes received from Redis that wait to be delivered: separately for
	// events and requests, for replies, and for messages that only nodes of this module exchange.
	// Messages beyond it are dropped, which is a Gap. Zero means 32 MiB.
	MaxInbox int
	// OnGap is called after a period in which messages of other nodes may have been missed. It
	// must return soon, and calls do not overlap. Nil ignores gaps.
	OnGap func(Gap)
	// Observer is told about the batches of messages that are sent to Redis: see package observe.
	// Nil costs nothing.
	Observer observe.Observer
	// Logger receives the state of the connection and malformed messages. Nil means that
	// warnings and errors go to slog.Default.
	Logger *slog.Logger
}

// A Gap is a period in which messages of other nodes may have been missed.
type Gap struct {
	// From is when the loss was noticed, and Until when the node heard the others again.
	From, Until time.Time
	// Cause is why: the error of the connection, or ErrOverflow.
	Cause error
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Wire < 0 || int(o.Wire) >= len(wireNames):
		return o, fmt.Errorf("redisbus: unknown Options.Wire %d", int(o.Wire))
	case o.Mode < Dynamic || o.Mode > Static:
		return o, fmt.Errorf("redisbus: unknown Options.Mode %d", int(o.Mode))
	case o.Mode != Dynamic && o.Wire != Sharded:
		return o, fmt.Errorf("redisbus: Options.Mode is for the sharded wire, not for the %s one", o.Wire)
	}
	if o.MaxQueue < 0 || o.MaxInbox < 0 || o.Streams < 0 || o.StreamLength < 0 {
		return o, fmt.Errorf("redisbus: Options.MaxQueue, MaxInbox, Streams and StreamLength must not be negative; zero means the default")
	}
	if o.Wire != Streams && (o.Streams != 0 || o.StreamLength != 0 || o.SessionPrefix != "" || o.ShardedRequests) {
		return o, fmt.Errorf("redisbus: Options.Streams, StreamLength, SessionPrefix and ShardedRequests are for the streams wire, not for the %s one", o.Wire)
	}
	o.Streams, o.StreamLength = cmp.Or(o.Streams, 1), cmp.Or(o.StreamLength, 10_000)
	o.SessionPrefix = cmp.Or(o.SessionPrefix, "sio:session:")
	if o.Prefix == "" {
		o.Prefix = "socket.io"
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = 4 << 20
	}
	if o.MaxInbox == 0 {
		o.MaxInbox = 32 << 20
	}
	o.Logger = logging.OrDefault(o.Logger)
	return o, nil
}

// stuck is how long a command may take until the connection is given up. It finds a Redis that
// is frozen.
const stuck = 3 * time.Second

// clientOption replaces defaults of the client that do not suit a bus. The client's own are for
// programs with a cache in Redis: 4 connections with half a megabyte of buffers each.
func clientOption(o rueidis.ClientOption) (rueidis.ClientOption, error) {
	if o.AlwaysRESP2 {
		return o, fmt.Errorf("redisbus: rueidis.ClientOption.AlwaysRESP2 must not be set: the bus needs RESP3")
	}
	if o.ReplicaOnly || o.SendToReplicas != nil {
		return o, fmt.Errorf("redisbus: rueidis.ClientOption.ReplicaOnly and SendToReplicas must not be set: what a replica is sent does not reach its master")
	}
	if len(o.InitAddress) == 0 {
		return o, fmt.Errorf("redisbus: rueidis.ClientOption.InitAddress is empty; set the address of Redis, such as 127.0.0.1:6379")
	}
	o.DisableCache = true     // it would need the right to CLIENT TRACKING
	o.AlwaysPipelining = true // otherwise the client notices a closed connection only by losing a message
	for _, d := range []struct {
		value *time.Duration
		zero  time.Duration
	}{
		{&o.ConnWriteTimeout, stuck},
		{&o.Dialer.Timeout, stuck},
		{&o.Sentinel.Dialer.Timeout, stuck},
		{&o.ClusterOption.ShardsRefreshInterval, 2 * time.Second},
		{&o.Sentinel.TopologyRefreshInterval, 2 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.zero
		}
	}
	for _, d := range []struct {
		value *int
		zero  int
	}{
		{&o.ReadBufferEachConn, 32 << 10},
		{&o.WriteBufferEachConn, 32 << 10},
		{&o.RingScaleEachConn, 8},
		{&o.PipelineMultiplex, -1}, // one connection
	} {
		if *d.value == 0 {
			*d.value = d.zero
		}
	}
	return o, nil
}
