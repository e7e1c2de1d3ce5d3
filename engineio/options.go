package engineio

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Transport is the name of a transport in a request's query.
type Transport string

// The transports of this package.
const (
	Polling   Transport = "polling"
	WebSocket Transport = "websocket"
)

// Options configures a Server. NewServer copies it.
type Options struct {
	// Path is the prefix of the URL paths that the server answers. It must begin and
	// end with a slash. The path without the last slash is answered in the same way. An
	// http.ServeMux redirects that path unless both are registered, and neither a
	// WebSocket nor a POST survives the redirect. Zero means "/engine.io/".
	Path string

	// PingInterval is the time between a pong, or the start of the session, and the next
	// ping. Zero means 25 s.
	PingInterval time.Duration
	// PingTimeout is how long a peer may take to answer a ping. It also bounds
	// how long Close waits for a WebSocket's queue to be written, and how long
	// the response of a poll may take. Zero means 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade to WebSocket may take before the
	// new connection is closed; the session goes on. Zero means 10 s.
	UpgradeTimeout time.Duration

	// MaxPayload bounds, in bytes, what a peer sends at once: the body of a POST and a
	// WebSocket message. A larger POST is answered with 413, and the session goes on. A
	// larger message closes the WebSocket with code 1009. Zero means 1,000,000.
	MaxPayload int
	// MaxNewPayload bounds, in bytes, what is kept of such a message while the session
	// is new: until the layer above calls Session.Accept. The rest is read and discarded
	// if the Conn is a HeadConn, up to four times MaxPayload per session. Values below
	// 4 KiB mean 4 KiB. Zero means MaxPayload.
	MaxNewPayload int
	// MaxPackets bounds the packets in the body of one POST. More packets close the
	// session. Zero means 10,000.
	MaxPackets int
	// MaxOutbound bounds the bytes that are queued for one session's peer. A Send that
	// would exceed it closes the session with SlowPeer. A message that finds the queue
	// empty is always accepted, so that no message is too big to be sent. Each message
	// counts 40 bytes more than its data, or 160 more while it waits for a poll, because
	// a queue of short messages would otherwise keep many times the bound. Zero means
	// 4 MiB.
	MaxOutbound int
	// MaxSessions bounds the number of sessions. A handshake above it is answered with
	// 503. Zero means no bound.
	MaxSessions int
	// MaxPacketsPerSecond bounds the packets that the peer of a session sends in a second:
	// WebSocket frames of all kinds, and packets in the body of a POST. A peer that exceeds it
	// is read later, so that it must wait when the buffers of its connection are full, and a
	// POST is answered later. Meanwhile the heartbeat does not end the session, because the
	// peer's pong may not have been read yet. Zero means no bound.
	MaxPacketsPerSecond int
	// MaxBytesPerSecond bounds the bytes of these packets. A peer that exceeds it is read
	// later. A packet may be larger: it is received at once, and those that follow wait.
	// Zero means no bound.
	MaxBytesPerSecond int
	// RateBurst is how long a peer may exceed these two after it has sent nothing: what it
	// has not used of the last RateBurst. Less than 10 ms is an error. Zero means 2 s.
	RateBurst time.Duration
	// CloseAboveRate closes a session whose peer exceeds one of these two, with
	// RateExceeded, instead of delaying it. A WebSocket is closed with code 1008, and a POST
	// is answered with 429.
	CloseAboveRate bool
	// MaxSessionsPerAddress bounds the open sessions of one address. A handshake above the
	// bound is answered with 503. Addresses are those of MaxNewPerAddress. Zero means no
	// bound.
	MaxSessionsPerAddress int
	// MaxHandshakesPerSecond bounds the handshakes of one address, those that are refused
	// included. An address may exceed it by what it has not used in the last ten seconds. A
	// handshake above the bound is answered with 503 and a Retry-After, before Allow is
	// called. Zero means no bound.
	MaxHandshakesPerSecond int
	// MaxNewPerAddress bounds the new sessions of one address, together with the recent
	// failures of that address (Session.CountFailure). Failures are forgotten at a rate
	// of MaxNewPerAddress per minute. A handshake above the bound is answered with 503
	// and a Retry-After. An address is the result of Network for Session.RemoteAddr, so
	// a proxy that is not in TrustedProxies is one address. Peers whose address is not
	// an IP address are not limited. Zero or negative means no bound.
	MaxNewPerAddress int

	// Transports are the transports that peers may use. Nil means Polling and
	// WebSocket.
	Transports []Transport
	// NoUpgrades keeps sessions that began by polling on that transport.
	NoUpgrades bool
	// AllowEIO3 allows peers that speak revision 3 of the protocol, which are the
	// clients of Socket.IO 1 and 2. It changes nothing for peers of revision 4. False
	// means that revision 3 is refused.
	//
	// A client of revision 3 uses the session's ID as its own and may show it to others,
	// but anyone who knows the ID can take part in a session by polling. So if
	// Transports contains Polling, Bind is required, and is strict with these peers:
	// each request must show what the first one did, and a first request by polling that
	// shows nothing is refused. If WebSocket is the only transport, an ID is of no use
	// to an attacker.
	//
	// Pages of the Origins, or with InsecureAnyOrigin all pages, may send their cookies
	// with the polling requests of this revision, whatever CORS.Credentials says,
	// because its clients always ask for that.
	AllowEIO3 bool

	// Origins are the foreign origins whose pages may use this server. Nil means that
	// only pages of this server's own origin may. An entry is one of these:
	//
	//   - a web origin, such as "https://app.example.com". ws and wss mean the same as
	//     http and https, and case and a default port make no difference;
	//   - a pattern such as "https://*.example.com", where * stands for one label. It
	//     matches https://a.example.com, but neither https://example.com nor
	//     https://a.b.example.com. Use it only if others cannot register names below
	//     example.com, as they can below vercel.app or github.io;
	//   - the origin of an application that has its own scheme, such as
	//     "capacitor://localhost", or "file://", compared byte by byte;
	//   - "null", the origin of pages without one, such as sandboxed frames.
	//
	// NewServer returns an error for an entry that can match no request.
	//
	// A request with an Origin that is neither listed nor this server's own is answered
	// with 403. An origin is the server's own if its host and port are those of Host. Its
	// scheme counts if the request came by TLS, or from a trusted proxy that sends
	// X-Forwarded-Proto (see TrustedProxies). A request without an Origin is treated as
	// one of a program or of the server's own page, unless Sec-Fetch-Site says otherwise.
	Origins []string
	// OriginFunc reports whether pages of a foreign origin that Origins does not list may
	// use this server, for rules that a list cannot express, such as preview deployments.
	// It gets only well-formed origins, in lower case and without a default port, with
	// http and https instead of ws and wss, and never "null". Compare whole names: an
	// attacker may own "https://evilexample.com". It may be called more than once for a
	// request, and concurrently. Nil means that no other origin is allowed.
	OriginFunc func(origin string) bool
	// InsecureAnyOrigin disables the check of origins: every page on the web may then
	// use this server on behalf of its visitor, with the visitor's cookies.
	InsecureAnyOrigin bool
	// CORS configures what else pages of the Origins may do.
	CORS CORS

	// Cookie, if set, is sent with the response to the handshake. Its value is replaced
	// by the session's ID, so that load balancers can send the requests of a session to
	// the same server. Nil means no cookie.
	Cookie *http.Cookie
	// CompressFrom is the size in bytes from which what a peer receives is compressed, if the
	// peer accepts that: the response of a poll with gzip, and with PerMessageDeflate each
	// WebSocket message. While very many goroutines compress, others do not. Zero means
	// 1,024, and a negative value means never. See the package's documentation,
	// "Compression".
	CompressFrom int
	// PerMessageDeflate lets peers use the WebSocket extension of that name (RFC 7692),
	// without context takeover: they may compress what they send, whatever CompressFrom is.
	// MaxPayload bounds the decompressed size too. False means that the extension is not
	// accepted.
	PerMessageDeflate bool

	// TrustedProxies are the addresses of proxies whose X-Forwarded-For and
	// X-Forwarded-Proto headers are trusted, for Session.RemoteAddr and for the scheme of
	// the server's own origin. Nil means none.
	TrustedProxies []netip.Prefix
	// TrustUnixSocket makes a peer that connects over a unix socket a trusted proxy too.
	// Set it only if no other program can reach the unix socket.
	TrustUnixSocket bool

	// SharedWait makes one goroutine wait for the peers of all idle WebSockets, instead of one
	// goroutine for each, which saves almost half of the memory of an idle WebSocket, and a sixth by
	// TLS. It needs Linux, and changes nothing elsewhere, nor for connections whose type is not
	// *net.TCPConn, *net.UnixConn, or *tls.Conn over one of them. A connection without TLS is
	// replaced when it becomes a WebSocket, and closed for a program that has kept it, for example by
	// http.Server.ConnContext. A program must not close one by TLS that it has kept, or its session may last until
	// its heartbeat fails. If the system refuses to wait in this way, that is logged, and WebSockets
	// get goroutines. False means one goroutine for each.
	SharedWait bool

	// Allow is called for each handshake, before there is a session. If it returns an
	// error, the handshake is refused with 403 "Forbidden", or with the status and the
	// message of a *RefusedError. It may be called concurrently. Nil allows every
	// request.
	Allow func(*http.Request) error
	// Bind returns the part of its first request that a session is bound to, such as the
	// Authorization header or one named cookie (never the whole Cookie header, which
	// changes). The session keeps a hash of it. A later request of the session for which
	// Bind returns another value is answered as if the session did not exist, unless the
	// value is empty. Bind verifies nothing. It may be called concurrently.
	//
	// Nil binds a session to the Authorization header of its first request, if there was
	// one. Set BindToNothing to disable that. See also AllowEIO3.
	Bind func(*http.Request) string

	// Logger receives what an operator should know, such as refused origins and panics
	// in a Conn, and at level Debug the end of each session. Nil means that warnings and
	// errors go to slog.Default. Set a logger with slog.DiscardHandler to log nothing.
	Logger *slog.Logger
}

// CORS is the part of cross-origin resource sharing that does not follow from
// Options.Origins (https://fetch.spec.whatwg.org/#http-cors-protocol).
type CORS struct {
	// Credentials allows pages of the listed origins to send their cookies with polling
	// requests, which load balancers with sticky cookies need. It cannot be combined with
	// InsecureAnyOrigin.
	Credentials bool
	// Headers are the request headers that pages may set. Nil means
	// Authorization and Content-Type.
	Headers []string
	// MaxAge is how long a browser may remember the answer to a preflight
	// request. Zero means 10 minutes.
	MaxAge time.Duration
}

// serves reports whether the server answers a URL path.
func (o *Options) serves(path string) bool {
	return strings.HasPrefix(path, o.Path) || path != "" && path == strings.TrimSuffix(o.Path, "/")
}

// proxies returns the peers whose X-Forwarded headers are trusted.
func (o *Options) proxies() proxies {
	return proxies{prefixes: o.TrustedProxies, unix: o.TrustUnixSocket}
}

// allows reports whether peers may use the transport t.
func (o *Options) allows(t Transport) bool { return slices.Contains(o.Transports, t) }

// maxNew returns how many bytes of a message a new session keeps at most.
func (o *Options) maxNew() int {
	if o.MaxNewPayload == 0 {
		return o.MaxPayload
	}
	return min(o.MaxPayload, max(o.MaxNewPayload, maxHead))
}

// upgradable reports whether a session that began by polling may change to WebSocket.
func (o *Options) upgradable() bool { return !o.NoUpgrades && o.allows(WebSocket) }
