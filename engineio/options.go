package engineio

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"socketiojwt/internal/logging"
)

// Transport is the name of a transport, as it stands in a request's query.
type Transport string

// The transports of this package.
const (
	Polling   Transport = "polling"
	WebSocket Transport = "websocket"
)

// Options configures a Server. NewServer copies it.
type Options struct {
	// Path is the prefix of the URL path that the server answers for. It
	// begins and ends with a slash; the path without the last one is answered
	// in the same way. An http.ServeMux redirects that path unless both are
	// registered, and neither a WebSocket nor a POST survives the redirect. Zero
	// means "/engine.io/".
	Path string

	// PingInterval is the time between a pong, or the start, and the next
	// ping. Zero means 25 s.
	PingInterval time.Duration
	// PingTimeout is how long a peer may take to answer a ping. It also bounds
	// how long Close waits for a WebSocket's queue to be written, and how long
	// the response of a poll may take. Zero means 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade to WebSocket may take before the
	// new connection is closed; the session goes on. Zero means 10 s.
	UpgradeTimeout time.Duration

	// MaxPayload bounds what a peer sends at once: the body of a POST (a
	// larger one is answered 413, the session lives) and a WebSocket message
	// (a larger one closes with code 1009). In bytes. Zero means 1,000,000.
	MaxPayload int
	// MaxNewPayload bounds, in bytes, what is kept of such a message while the
	// session is new: until the layer above calls Session.Accept. The rest is read and
	// thrown away, if the Conn is a HeadConn, up to four times MaxPayload for a
	// session. It is no less than 4 KiB. Zero means MaxPayload.
	MaxNewPayload int
	// MaxPackets bounds the packets in the body of one POST; more close the
	// session. Zero means 10,000.
	MaxPackets int
	// MaxOutbound bounds the bytes that wait for one session's peer; a Send
	// that would go over it closes the session with SlowPeer. A message that
	// finds the queue empty is always taken, so that no message is too big to
	// be sent. One counts 40 bytes beside its data, and 160 while it waits for a
	// poll, or a queue of short ones would keep many times the bound. Zero means
	// 4 MiB.
	MaxOutbound int
	// MaxSessions bounds the sessions alive at once; a handshake over it is
	// answered 503. Zero means no bound.
	MaxSessions int
	// MaxNewPerAddress bounds the sessions of one address that are new, together with
	// the failures of that address (Session.CountFailure) that are not forgotten yet:
	// as many as this are forgotten in a minute. A handshake over it is answered 503,
	// with a Retry-After. An address is what Network makes of Session.RemoteAddr, so
	// a proxy that is not in TrustedProxies is one address. Peers whose address is
	// not an IP address are not limited. Zero or negative means no bound.
	MaxNewPerAddress int

	// Transports are those that peers may use. Nil means Polling and
	// WebSocket.
	Transports []Transport
	// NoUpgrades keeps a session that began by polling there.
	NoUpgrades bool
	// AllowEIO3 lets peers in that speak revision 3 of the protocol, which are the
	// clients of Socket.IO 1 and 2; those of revision 4 are not concerned. Zero
	// means that they are refused.
	//
	// Such a client takes the session's ID for its own, and shows it to others as
	// it likes; yet who knows it can take part in a session by polling. So with
	// Polling in Transports there has to be a Bind, which is strict with these
	// peers: every request has to show what the first one did, and a first one by
	// polling that shows nothing is refused. By WebSocket alone an ID is of no use
	// to anybody.
	//
	// Pages of the Origins, or with InsecureAnyOrigin all pages, may send their
	// cookies with the polling requests of this revision, whatever CORS.Credentials
	// says, since its clients always ask for that.
	AllowEIO3 bool

	// Origins are the foreign origins whose pages may use this server. Nil means that
	// only pages of this server's own origin may. An entry is one of these:
	//
	//   - an origin of the web, such as "https://app.example.com"; ws and wss mean the
	//     same as http and https, and case and a default port make no difference;
	//   - a pattern such as "https://*.example.com", where * stands for one label: it
	//     matches https://a.example.com, and neither https://example.com nor
	//     https://a.b.example.com. Others must not be able to get a name below
	//     example.com, as they can below vercel.app or github.io;
	//   - an origin of an application with a scheme of its own, such as
	//     "capacitor://localhost", or "file://", compared as it is;
	//   - "null", the origin of pages without one, such as sandboxed frames.
	//
	// NewServer returns an error for an entry that can match no request.
	//
	// A request with an Origin that is neither listed nor this server's own is answered
	// with 403. The server's own origin is one whose host and port are those of Host. Its
	// scheme counts if the request came by TLS, or from a trusted proxy that sends
	// X-Forwarded-Proto (see TrustedProxies). A request without an Origin is taken for
	// that of a program or of the server's own page, unless Sec-Fetch-Site says otherwise.
	Origins []string
	// OriginFunc reports whether pages of a foreign origin that Origins does not list may
	// use this server, for rules that no list can hold, such as preview deployments. It
	// gets well-formed origins only, in lower case and without a default port, ws and wss
	// as http and https; never "null". Compare whole names: an attacker may own
	// "https://evilexample.com". It may be called more than once for a request, and
	// concurrently. Nil means no other origin.
	OriginFunc func(origin string) bool
	// InsecureAnyOrigin waives the rule of Origins: every page on the web may
	// then use this server in its visitor's name, cookies included.
	InsecureAnyOrigin bool
	// CORS says what else pages of the Origins may do.
	CORS CORS

	// Cookie, when set, is sent with the handshake's response, its value being
	// the session's ID: load balancers can keep a session at its server by it.
	// Nil means no cookie.
	Cookie *http.Cookie
	// CompressFrom is the size in bytes from which the response of a poll is
	// compressed with gzip, if the peer accepts it. Zero means 1,024, negative
	// never. See the package's documentation, "Compression".
	CompressFrom int

	// TrustedProxies are the addresses of proxies whose X-Forwarded-For and
	// X-Forwarded-Proto headers are believed, for Session.RemoteAddr and for the scheme of
	// the server's own origin. Nil means none.
	TrustedProxies []netip.Prefix
	// TrustUnixSocket makes a peer that connects over a unix socket a trusted proxy too. It
	// is for a server whose unix socket only the proxy can reach.
	TrustUnixSocket bool

	// Allow, when set, is asked before a session exists. An error refuses the
	// handshake with 403 "Forbidden", a *RefusedError with its own status and
	// message. It may be called concurrently. Nil allows every request.
	Allow func(*http.Request) error
	// Bind returns what of its first request a session is bound to, such as the
	// Authorization header or one named cookie (never the whole Cookie header, which
	// changes). The session keeps a hash of it. A later request of the session for which
	// Bind returns another value is answered as if the session did not exist, unless the
	// value is empty. Bind verifies nothing. It may be called concurrently.
	//
	// Nil binds a session to the Authorization header of its first request, if there was
	// one. Set BindToNothing to turn that off. See also AllowEIO3.
	Bind func(*http.Request) string

	// Logger gets what an operator should know, such as refused origins and panics in
	// a Conn, and at level Debug the end of each session. Nil means that warnings and
	// errors go to slog.Default; give one with slog.DiscardHandler to log nothing.
	Logger *slog.Logger
}

// CORS is the part of cross-origin resource sharing that does not follow from
// Options.Origins (https://fetch.spec.whatwg.org/#http-cors-protocol).
type CORS struct {
	// Credentials lets pages of the listed origins send their cookies with
	// polling requests, which load balancers with sticky cookies need. It
	// cannot be combined with InsecureAnyOrigin.
	Credentials bool
	// Headers are the request headers that pages may set. Nil means
	// Authorization and Content-Type.
	Headers []string
	// MaxAge is how long a browser may remember the answer to a preflight
	// request. Zero means 10 minutes.
	MaxAge time.Duration
}

// withDefaults returns a checked copy of o in which nothing that has a default
// is zero.
func (o Options) withDefaults() (Options, error) {
	o.Transports = slices.Clone(o.Transports)
	o.Origins = slices.Clone(o.Origins)
	o.TrustedProxies = unmapped(o.TrustedProxies)
	o.CORS.Headers = slices.Clone(o.CORS.Headers)
	if o.Cookie != nil {
		cookie := *o.Cookie
		o.Cookie = &cookie
	}

	if o.Path == "" {
		o.Path = "/engine.io/"
	}
	setDefault(&o.PingInterval, 25*time.Second)
	setDefault(&o.PingTimeout, 20*time.Second)
	setDefault(&o.UpgradeTimeout, 10*time.Second)
	setDefault(&o.MaxPayload, 1_000_000)
	setDefault(&o.MaxPackets, 10_000)
	setDefault(&o.MaxOutbound, 4<<20)
	setDefault(&o.CompressFrom, 1024)
	setDefault(&o.CORS.MaxAge, 10*time.Minute)
	if o.Transports == nil {
		o.Transports = []Transport{Polling, WebSocket}
	}
	if o.CORS.Headers == nil {
		o.CORS.Headers = []string{"Authorization", "Content-Type"}
	}
	o.Logger = logging.OrDefault(o.Logger)
	return o, o.check()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o Options) check() error {
	switch {
	case !strings.HasPrefix(o.Path, "/") || !strings.HasSuffix(o.Path, "/"):
		return fmt.Errorf("engineio: Options.Path %q does not begin and end with a slash", o.Path)
	case o.PingInterval < time.Millisecond || o.PingTimeout < time.Millisecond || o.UpgradeTimeout < time.Millisecond:
		return errors.New("engineio: Options.PingInterval, PingTimeout and UpgradeTimeout are at least 1 ms")
	case o.MaxPayload < 0 || o.MaxNewPayload < 0 || o.MaxPackets < 0 || o.MaxOutbound < 0 || o.MaxSessions < 0 || o.CORS.MaxAge < 0:
		return errors.New("engineio: Options: a limit is negative")
	case len(o.Transports) == 0:
		return errors.New("engineio: Options.Transports is empty, nobody could connect")
	case o.InsecureAnyOrigin && (len(o.Origins) > 0 || o.OriginFunc != nil):
		return errors.New("engineio: Options.Origins and OriginFunc have no effect with InsecureAnyOrigin")
	case o.InsecureAnyOrigin && o.CORS.Credentials:
		return errors.New("engineio: Options.CORS.Credentials cannot be combined with InsecureAnyOrigin")
	case o.AllowEIO3 && o.Bind == nil && o.allows(Polling):
		return errors.New("engineio: Options.AllowEIO3 with polling needs Options.Bind, since the clients it lets in make the session's ID known (BindToAddress is the least); or Transports of WebSocket alone")
	case o.Cookie != nil && o.Cookie.Name == "":
		return errors.New("engineio: Options.Cookie has no name")
	}
	for _, t := range o.Transports {
		if t != Polling && t != WebSocket {
			return fmt.Errorf("engineio: Options.Transports: unknown transport %q", t)
		}
	}
	return o.checkOrigins()
}

func (o Options) checkOrigins() error {
	for _, origin := range o.Origins {
		if err := checkOrigin(origin); err != nil {
			return err
		}
	}
	return nil
}

// serves reports whether the server answers for a URL path.
func (o *Options) serves(path string) bool {
	return strings.HasPrefix(path, o.Path) || path != "" && path == strings.TrimSuffix(o.Path, "/")
}

// proxies returns the peers whose X-Forwarded headers are believed.
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

// upgradable reports whether a session that began by polling may go on by
// WebSocket.
func (o *Options) upgradable() bool { return !o.NoUpgrades && o.allows(WebSocket) }
