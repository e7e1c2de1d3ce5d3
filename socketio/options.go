package socketio

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/logging"
	"socketiojwt/observe"
)

// Options configure a Server. The zero value is ready to use.
//
// The limits bound what one peer can make the server do or keep. Zero means the default, which
// is given for each limit. A negative limit is an error. Unless stated otherwise, the
// connection of a peer that exceeds a limit is closed.
type Options struct {
	// Engine configures sessions and transports. A zero Engine.Path means "/socket.io/". A zero
	// Engine.MaxNewPerAddress means 1,000, and a negative one means no bound. A session is new
	// until its first socket is admitted. Each socket that is refused permanently counts as a
	// failure, and so does a connection that ends before a socket was admitted.
	Engine engineio.Options

	// ConnContext makes the context from which the contexts of all sockets of a connection
	// are derived: those of connect middleware, handlers and hooks. It gets the first
	// request of the connection, and an empty context:
	//
	//	ConnContext: func(ctx context.Context, r *http.Request) context.Context {
	//		return context.WithValue(ctx, tenantKey{}, tenantOf(r.Context()))
	//	},
	//
	// Only the values of the context that it returns are used. That context may end before
	// the sockets do, as r.Context() does.
	//
	// The values are kept for as long as the connection lasts, so they should be small. They
	// must not refer to r, its header or its body, and must stay valid after the request:
	// some middleware reuses what it put into r.Context(), as chi does with the URL
	// parameters. For that reason none of the values of r.Context() is kept unless
	// ConnContext copies it.
	//
	// Later requests of the connection, such as an upgrade to WebSocket, do not count. If
	// ConnContext panics or returns nil, the error is logged and the connection is refused
	// with status 503. It may be called concurrently. Nil means no values.
	ConnContext func(ctx context.Context, r *http.Request) context.Context

	// ConnectTimeout is how long a connection may take until its first socket is admitted,
	// whatever its peer does meanwhile. After that, it is how long the connection may be in no
	// namespace. It also bounds Socket.Hold, and a gate's own timeout. Zero means 45 s.
	ConnectTimeout time.Duration

	// MaxNamespaces bounds the namespaces that a connection has joined or is joining. A
	// namespace that the peer has left counts until the events sent before are handled. Zero
	// means 32.
	MaxNamespaces int
	// MaxConnecting bounds the CONNECTs of one connection whose middleware runs at the same
	// time. Further ones wait for their turn. Zero means 4.
	MaxConnecting int
	// MaxRefused bounds the CONNECTs of one connection that were refused, or
	// whose socket ended before it was admitted. Zero means 10.
	MaxRefused int
	// MaxRooms bounds the rooms of a socket. Join returns ErrTooManyRooms if it would exceed
	// it. For Assign it bounds the rooms of one call. Zero means 1,000.
	MaxRooms int
	// MaxPendingAcks bounds the acknowledgements that a socket's peer has not sent yet.
	// EmitWithAck returns ErrTooManyAcks if it would exceed it. Zero means 1,000.
	MaxPendingAcks int
	// MaxAttachments bounds the binary attachments of a packet. Zero means 10.
	MaxAttachments int
	// MaxDepth bounds the nesting of JSON in a packet. Zero means 64.
	MaxDepth int
	// MaxNameLength bounds the bytes of the name of an event, a namespace or a room. Join
	// returns ErrRoomName for a longer name. Zero means 256.
	MaxNameLength int
	// MaxAuthPayload bounds the bytes of the auth payload of a CONNECT, or of its query
	// (Handshake.Query). They are kept until OnConnect has returned. A larger one is dropped,
	// and the socket is refused: see Handshake.TooLarge. Zero means 64 KiB.
	MaxAuthPayload int
	// MaxHandshake bounds the bytes of the header and URL of a connection's first request.
	// Larger ones are dropped: see Handshake.TooLarge. Half of MaxNewBytes is a further bound.
	// Zero means 32 KiB.
	MaxHandshake int
	// MaxNewBytes bounds the bytes kept for a connection before its first socket is admitted:
	// the first request, sockets that are connecting or held, their auth payloads and events,
	// and the message that is being received. Exceeding it closes the connection, except for a
	// CONNECT and for an event that is intercepted: see Handshake.TooLarge and Event.TooLarge.
	// Zero means 64 KiB. Less than 16 KiB is an error. It is the default of
	// Engine.MaxNewPayload.
	MaxNewBytes int
	// MaxInbox bounds the bytes of the events of all sockets of a connection that wait for
	// their handlers, and of a binary packet whose attachments have not all arrived. It applies
	// once a socket of the connection has been admitted. Zero means four times
	// Engine.MaxPayload.
	MaxInbox int
	// MaxHeldBytes bounds the bytes kept for all connections together of which no socket has
	// been admitted yet. If it is exceeded, new connections are answered with 503, and an
	// existing one is closed when it sends more. Zero means 64 MiB.
	MaxHeldBytes int

	// ShutdownSpread is the time over which Shutdown closes the connections, at equal intervals
	// and in random order. Clients reconnect about a second after their connection has closed,
	// so they reach the server that they move to at the same rate. It is limited to the time
	// left in Shutdown's context without 2 s, or to half of it if less is left. Zero closes all
	// connections at once, which is best if this server is the only one: its clients can come
	// back only after its restart.
	ShutdownSpread time.Duration

	// KeepHeaders names the request headers that namespaces joined later can read from their
	// handshake, in addition to those of Socket.KeepHeader. All others are dropped before the
	// first CONNECT is answered. Nil means only Authorization. With Engine.AllowEIO3 nil means
	// Cookie as well, because those peers always join "/" first. An empty list means none.
	KeepHeaders []string

	// KeepQuery names the query parameters, and KeepAuth the members of the auth payload, that
	// Handshake still has after OnConnect has returned, for the life of the socket. KeepHeaders
	// does the same for headers if it is set. At most 4 KiB of each kind are kept. A value that
	// would exceed that is left out. Nil keeps none. The values may be secrets: name what
	// handlers need and not the token.
	KeepQuery []string
	KeepAuth  []string

	// Bus joins this server to others in a cluster. Server.Handler calls it, and fails if Bus
	// fails. Its argument is the function to which the Bus delivers the messages of other
	// nodes. Messages of the same node and namespace must be delivered one after the other, in
	// the order in which they were published. Others may be delivered concurrently. Deliver
	// returns when the message has taken effect on sockets of this node, without waiting for a
	// peer. If it is called before Bus has returned, it waits for that. It ignores a malformed
	// message. It keeps the slices of the message, so the Data that Publish gets must be copied for
	// it. Nil means that this server is the only one.
	Bus func(deliver func(Message)) (Bus, error)
	// ClusterKey is a secret of at least 16 bytes, the same for all servers of a cluster. It
	// lets them recognize each other's socket ids, which are reserved rooms: see
	// ErrReservedRoom. It is required with Bus. Nil means a random one.
	ClusterKey []byte

	// Recovery lets clients that have lost their connection recover their session: see Recovery.
	// Nil means that no session is recovered.
	Recovery *Recovery

	// ClientFiles holds the files of the JavaScript client (socket.io.js, socket.io.min.js and
	// so on). They are served below Engine.Path, compressed by gzip if the browser accepts it,
	// also to pages of Engine.Origins. Nil means none, and such a request is answered with a
	// 404 that says so.
	ClientFiles fs.FS

	// Now is the clock of Socket.SetDeadline, and the only clock by which leases of package
	// auth end. If token.Options.Now is set, set both to the same clock. It must be cheap, must
	// not call the server, and may be called concurrently. Nil means time.Now.
	Now func() time.Time

	// Observer is told about connects, handlers and broadcasts: see package observe. Nil costs
	// nothing.
	Observer observe.Observer

	// Logger receives failures of the program as warnings and errors, the end of each admitted
	// socket at level Info, and errors of peers at level Debug. For each limit, the first
	// connection that is closed because of it is a warning too. Nil means that warnings and
	// errors go to slog.Default. To log nothing, use slog.DiscardHandler. It is the default of
	// Engine.Logger.
	Logger *slog.Logger

	keptHeaders []string // copy of KeepHeaders, if it was set
}

const (
	defaultMaxDepth = 64
	minNewBytes     = 16 << 10
	minClusterKey   = 16 // bytes
)

// withDefaults returns o with its zero values replaced.
func (o Options) withDefaults() (Options, error) {
	o.Logger = logging.OrDefault(o.Logger)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Engine.Logger == nil {
		o.Engine.Logger = o.Logger
	}
	if o.Engine.Path == "" {
		o.Engine.Path = "/socket.io/"
	}
	if o.ConnectTimeout < 0 || o.ShutdownSpread < 0 {
		return o, fmt.Errorf("socketio: ConnectTimeout and ShutdownSpread must not be negative")
	}
	if n := len(o.ClusterKey); n < minClusterKey && (n > 0 || o.Bus != nil) {
		return o, fmt.Errorf("socketio: ClusterKey has %d bytes; set the same secret of at least %d bytes on all servers of the cluster", n, minClusterKey)
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 45 * time.Second
	}
	if err := o.setLimits(); err != nil {
		return o, err
	}
	if o.Recovery != nil {
		withDefaults, err := o.Recovery.withDefaults()
		if err != nil {
			return o, err
		}
		o.Recovery = &withDefaults
	}
	o.setKept()
	return o, nil
}

// setLimits replaces zero limits by their defaults. It fails if a limit is out of range.
func (o *Options) setLimits() error {
	payload := o.Engine.MaxPayload
	if payload <= 0 {
		payload = 1_000_000
	}
	for _, l := range []struct {
		name  string
		limit *int
		zero  int
	}{
		{"MaxNamespaces", &o.MaxNamespaces, 32},
		{"MaxConnecting", &o.MaxConnecting, 4},
		{"MaxRefused", &o.MaxRefused, 10},
		{"MaxRooms", &o.MaxRooms, 1000},
		{"MaxPendingAcks", &o.MaxPendingAcks, 1000},
		{"MaxAttachments", &o.MaxAttachments, 10},
		{"MaxDepth", &o.MaxDepth, defaultMaxDepth},
		{"MaxNameLength", &o.MaxNameLength, 256},
		{"MaxAuthPayload", &o.MaxAuthPayload, 64 << 10},
		{"MaxHandshake", &o.MaxHandshake, 32 << 10},
		{"MaxNewBytes", &o.MaxNewBytes, 64 << 10},
		{"MaxInbox", &o.MaxInbox, 4 * min(payload, math.MaxInt/4)},
		{"MaxHeldBytes", &o.MaxHeldBytes, 64 << 20},
	} {
		if *l.limit < 0 {
			return fmt.Errorf("socketio: %s must not be negative; zero means the default", l.name)
		}
		if *l.limit == 0 {
			*l.limit = l.zero
		}
	}
	if o.MaxNewBytes < minNewBytes {
		return fmt.Errorf("socketio: MaxNewBytes must be at least %d", minNewBytes)
	}
	o.MaxHandshake = min(o.MaxHandshake, o.MaxNewBytes/2)
	if o.Engine.MaxNewPayload == 0 {
		o.Engine.MaxNewPayload = o.MaxNewBytes
	}
	if o.Engine.MaxNewPerAddress == 0 {
		o.Engine.MaxNewPerAddress = 1000
	}
	return nil
}

// setKept copies the names of what to keep, with the default of KeepHeaders.
func (o *Options) setKept() {
	set := o.KeepHeaders != nil
	if !set {
		o.KeepHeaders = []string{"Authorization"}
		if o.Engine.AllowEIO3 {
			o.KeepHeaders = append(o.KeepHeaders, "Cookie")
		}
	}
	o.KeepQuery, o.KeepAuth = slices.Clone(o.KeepQuery), slices.Clone(o.KeepAuth)
	o.KeepHeaders = slices.Clone(o.KeepHeaders)
	for i, name := range o.KeepHeaders {
		o.KeepHeaders[i] = http.CanonicalHeaderKey(name)
	}
	if set {
		o.keptHeaders = o.KeepHeaders
	}
}
