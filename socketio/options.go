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
)

// Options configure a Server. The zero value is ready to use.
//
// The limits say what one peer can make the server do or keep. Zero means the
// default that is named; a negative limit is an error. A peer that exceeds a
// limit loses its connection, unless something else is said.
type Options struct {
	// Engine configures sessions and transports. In Engine.Path, zero means
	// "/socket.io/"; in Engine.MaxNewPerAddress, zero means 1,000, and negative no
	// bound: a session is new until its first socket is admitted, and each socket
	// that is refused for good is a failure, as is a connection that ends before any
	// was admitted.
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

	// ConnectTimeout is how long a connection may take until its first socket is
	// admitted, whatever its peer does meanwhile, and after that, how long it may be
	// in no namespace. It bounds what Socket.Hold waits for, and a gate's own timeout.
	// Zero means 45 s.
	ConnectTimeout time.Duration

	// MaxNamespaces bounds the namespaces that a connection has joined or is
	// joining; one that it left counts until the events sent before are handled.
	// Zero means 32.
	MaxNamespaces int
	// MaxConnecting bounds the CONNECTs of one connection whose middleware runs
	// at the same time. Those beyond it wait for their turn. Zero means 4.
	MaxConnecting int
	// MaxRefused bounds the CONNECTs of one connection that were refused, or
	// whose socket ended before it was admitted. Zero means 10.
	MaxRefused int
	// MaxRooms bounds the rooms of a socket. Join returns ErrTooManyRooms
	// beyond it. Zero means 1,000.
	MaxRooms int
	// MaxPendingAcks bounds the acknowledgements a socket owes. EmitWithAck
	// returns ErrTooManyAcks beyond it. Zero means 1,000.
	MaxPendingAcks int
	// MaxAttachments bounds the binary attachments of a packet. Zero means 10.
	MaxAttachments int
	// MaxDepth bounds the nesting of JSON in a packet. Zero means 64.
	MaxDepth int
	// MaxNameLength bounds, in bytes, the name of an event and of a namespace, and
	// of a room: Join returns ErrRoomName beyond it. Zero means 256.
	MaxNameLength int
	// MaxAuthPayload bounds the bytes of the auth payload of a CONNECT, or of its
	// query (Handshake.Query), which is kept until OnConnect has returned. A larger one
	// is dropped, and refused: see Handshake.TooLarge. Zero means 64 KiB.
	MaxAuthPayload int
	// MaxHandshake bounds the bytes of the header and URL of a connection's first
	// request. Larger ones are dropped: see Handshake.TooLarge. Half of MaxNewBytes
	// bounds it too. Zero means 32 KiB.
	MaxHandshake int
	// MaxNewBytes bounds the bytes that are kept for a connection before its first
	// socket is admitted: the first request, sockets that are connecting or held,
	// their auth payloads and events, and the message that is being received. What
	// does not fit closes the connection; of a CONNECT, or of an event that is
	// intercepted, see Handshake.TooLarge and Event.TooLarge. Zero means 64 KiB, and
	// less than 16 KiB is an error. Engine.MaxNewPayload, when zero, becomes this.
	MaxNewBytes int
	// MaxInbox bounds the bytes of the events that wait for their handlers, of all
	// sockets of a connection, and of a binary packet whose attachments have not all
	// come, once a socket of the connection has been admitted. Zero means four times
	// Engine.MaxPayload.
	MaxInbox int
	// MaxHeldBytes bounds what is kept for all connections together of which no
	// socket has been admitted yet. Beyond it new connections are answered 503, and
	// one of those there are is closed when it sends more. Zero means 64 MiB.
	MaxHeldBytes int

	// ShutdownSpread is how long Shutdown takes to come to all connections, one after
	// the other, while handshakes are refused already. Clients come back about a second
	// after their connection has closed, so that this is over how long they spread. It
	// takes no more than half of the time that Shutdown's context leaves. Zero closes all
	// at once.
	ShutdownSpread time.Duration

	// KeepHeaders names the request headers that namespaces joined later can
	// read from their handshake, beside those of Socket.KeepHeader; all others
	// are dropped once the first namespace is joined. Nil means only Authorization,
	// and with Engine.AllowEIO3, whose peers join "/" first whichever they want,
	// Cookie too; an empty list none.
	KeepHeaders []string

	// KeepQuery names the query parameters, and KeepAuth the members of the auth
	// payload, that Handshake still has after OnConnect has returned, for the life of
	// the socket. KeepHeaders does so for headers if it is set. At most 4 KiB of each
	// kind are kept; a value beyond that is left out. Nil keeps none. What is kept can
	// be a secret: name what handlers need and not the token.
	KeepQuery []string
	KeepAuth  []string

	// Bus joins this server with others to a cluster. Server.Handler calls it, and fails
	// if it does. It is given the function to which the Bus delivers the messages of
	// other nodes: one after the other for each node and namespace, in the order in which
	// they were published, and otherwise concurrently. Deliver returns when the message
	// has done what it does to sockets of this node, without waiting for a peer. Before
	// Bus has returned it waits. It ignores a message that is malformed. Nil means that
	// this server is the only one.
	Bus func(deliver func(Message)) (Bus, error)
	// ClusterKey is a secret of at least 16 bytes, the same for all servers of a cluster.
	// By it they recognize each other's socket ids, which are reserved rooms; see
	// ErrReservedRoom. It is required with Bus. Nil means a random one.
	ClusterKey []byte

	// ClientFiles holds the files of the JavaScript client (socket.io.js,
	// socket.io.min.js and so on), to be served below Engine.Path, in gzip to
	// clients that take it, and to pages of Engine.Origins too. Nil means none:
	// such a request is answered by a 404 that says so.
	ClientFiles fs.FS

	// Now is the clock of Socket.SetDeadline, and the only one by which leases of package
	// auth end. If token.Options.Now is set, set both to the same clock. It must be cheap
	// and must not call the server. Nil means time.Now.
	Now func() time.Time

	// Logger gets what goes wrong in the program as warnings and errors, the end of
	// each admitted socket at level Info, and what peers do wrong at level Debug. The
	// first connection that is closed because of each limit is a warning too. Nil
	// means that warnings and errors go to slog.Default; give one with
	// slog.DiscardHandler to log nothing. If Engine.Logger is nil, it becomes this one.
	Logger *slog.Logger

	keptHeaders []string // KeepHeaders, if it was set
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
		return o, fmt.Errorf("socketio: ConnectTimeout or ShutdownSpread is negative")
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
	o.setKept()
	return o, nil
}

// setLimits replaces the limits that are zero. It fails if a limit is out of range.
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
			return fmt.Errorf("socketio: %s is negative", l.name)
		}
		if *l.limit == 0 {
			*l.limit = l.zero
		}
	}
	if o.MaxNewBytes < minNewBytes {
		return fmt.Errorf("socketio: MaxNewBytes is less than %d", minNewBytes)
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

// setKept copies the names of what is kept, with the default for KeepHeaders.
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
