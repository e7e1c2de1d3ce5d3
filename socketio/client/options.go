package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"socketiojwt/internal/engineclient"
	"socketiojwt/internal/logging"
)

// Options configure a Client. The zero value is ready for use. A negative number is an
// error.
type Options struct {
	// Auth returns the auth payload for a namespace, a value that encodes as a JSON
	// object. It is called each time that the client joins the namespace, so that it can
	// return a fresh token. If it fails, Join fails; when the namespace is joined again
	// after a lost connection, the client tries again later. It may be called
	// concurrently and must return when ctx ends. Nil sends no payload.
	Auth func(ctx context.Context, namespace string) (any, error)

	// Token returns a token for a server with a gate of package auth. It is called each time
	// that the client joins a namespace, for the members "token" and "lease" of the auth
	// payload. While the socket is connected, the client refreshes the socket's lease in place:
	// when the server warns about its end or asks for a refresh, when an event needs a fresher
	// token, and otherwise up to 30 s ahead of the end. After a failure it tries again if that
	// can help and there is time left. An empty token means none.
	//
	// A socket ends if the server refuses it, or a token as revoked, or if Token returns
	// ErrNoToken. Then, and when it joins, errors are handled as those of Auth. Token must
	// return when ctx ends, at the latest 20 s after a refresh began, and may be called
	// concurrently. Nil means that the client shows only what Auth returns.
	Token func(ctx context.Context, r TokenRequest) (string, error)
	// TokenByEvent sends each token by the event "authenticate", for servers that hold a socket
	// until then. False means that the first one is sent in the auth payload.
	TokenByEvent bool
	// OnRefresh is called after each attempt to refresh the lease of a socket, with the error
	// if it failed: see Socket.Refresh. The next attempt waits for it. It may be called
	// concurrently for different sockets, and must not call Client.Close. Nil means that no
	// hook runs.
	OnRefresh func(s *Socket, r Refreshed, err error)

	// HTTPClient makes the requests. Its Transport has the settings for TLS and proxies,
	// and its Jar the cookies that load balancers need for long-polling. Its Timeout does
	// not apply. Nil means a client of its own like http.DefaultClient.
	HTTPClient *http.Client
	// Header is sent with each request. A Host in it replaces that of the URL.
	Header http.Header
	// Transports are the transports to use: WebSocket, Polling, or Polling and WebSocket,
	// which begins by long-polling and changes over to WebSocket when that works. Nil
	// means only WebSocket.
	Transports []Transport
	// OpenTimeout bounds one attempt to open the transport. After that, the attempt has failed.
	// Zero means 20 s.
	OpenTimeout time.Duration

	// NoReconnect makes the loss of the transport final.
	NoReconnect bool
	// ReconnectDelay is about how long the client waits before it opens a lost transport
	// again. The wait doubles with each attempt that fails, up to about
	// MaxReconnectDelay, and each is a random one between half and one and a half times
	// that. Zero means 1 s, and 5 s.
	ReconnectDelay    time.Duration
	MaxReconnectDelay time.Duration

	// MaxMessage bounds one packet or attachment from the server, in bytes. A larger one
	// closes the transport. Zero means 16 MiB.
	MaxMessage int
	// MaxAttachments bounds the attachments of a packet. More close the transport. Zero
	// means 10, as in the JavaScript client.
	MaxAttachments int
	// MaxPending bounds the bytes of events that wait for Receive, of all sockets, and
	// those of a packet whose attachments have not all come. More end the client with
	// ErrSlow. Zero means 16 MiB.
	MaxPending int
	// MaxQueued bounds the bytes of packets that wait to be sent. Emit waits for room.
	// Zero means 1 MiB.
	MaxQueued int

	// Trace, if set, is called with each Socket.IO packet and attachment before it is
	// sent and when it is received. Packets may hold tokens. Trace may be called
	// concurrently and must not change or keep data.
	Trace func(sent bool, data []byte, binary bool)

	// Logger gets the attempts to connect that fail: the first of a series at level Warn,
	// the others at level Debug. Lost and restored connections are at level Info. Nil
	// means that warnings go to slog.Default; give one with slog.DiscardHandler to log
	// nothing.
	Logger *slog.Logger
}

// A Transport is a way to reach a server.
type Transport string

// The transports, by their names in the protocol.
const (
	WebSocket Transport = "websocket"
	Polling   Transport = "polling"
)

// withDefaults returns o with its zero values replaced.
func (o Options) withDefaults() (Options, error) {
	if o.OpenTimeout < 0 || o.ReconnectDelay < 0 || o.MaxReconnectDelay < 0 ||
		min(o.MaxMessage, o.MaxAttachments, o.MaxPending, o.MaxQueued) < 0 {
		return o, errors.New("socketio client: a negative number in Options")
	}
	switch {
	case o.Transports == nil:
		o.Transports = []Transport{WebSocket}
	case slices.Equal(o.Transports, []Transport{WebSocket}), slices.Equal(o.Transports, []Transport{Polling}), slices.Equal(o.Transports, []Transport{Polling, WebSocket}):
	default:
		return o, fmt.Errorf("socketio client: Transports is %q, want WebSocket, Polling, or Polling and WebSocket", o.Transports)
	}
	o.OpenTimeout = cmp.Or(o.OpenTimeout, 20*time.Second)
	o.ReconnectDelay = cmp.Or(o.ReconnectDelay, time.Second)
	o.MaxReconnectDelay = max(o.ReconnectDelay, cmp.Or(o.MaxReconnectDelay, 5*time.Second))
	o.MaxMessage = cmp.Or(o.MaxMessage, 16<<20)
	o.MaxAttachments = cmp.Or(o.MaxAttachments, 10)
	o.MaxPending = cmp.Or(o.MaxPending, 16<<20)
	o.MaxQueued = cmp.Or(o.MaxQueued, 1<<20)
	o.Header = o.Header.Clone()
	o.Logger = logging.OrDefault(o.Logger)
	return o, nil
}

// engine returns the options of a transport.
func (o Options) engine() engineclient.Options {
	return engineclient.Options{
		HTTPClient: o.HTTPClient, Header: o.Header,
		Polling: o.Transports[0] == Polling, Upgrade: len(o.Transports) > 1,
		MaxMessage: o.MaxMessage, MaxPending: o.MaxPending, MaxQueued: o.MaxQueued,
	}
}
