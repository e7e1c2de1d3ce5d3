package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"socketiojwt/internal/logging"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// Options configure a Gate. The zero value is ready to use. A gate may be used in
// both modes; what is said of one mode means nothing to the other.
type Options struct {
	// Sources say where a token may be shown, in the order in which they are
	// looked at. All of them are: two different tokens at once are refused. Nil
	// means FromAuth("token") and FromHeader().
	Sources []Source

	// Timeout is how long the gate may take: in handshake mode, for sources, keys
	// and hooks together; in event mode, from the start until the socket is let
	// in, whatever the peer sends meanwhile. For the first socket of a connection,
	// socketio.Options.ConnectTimeout (45 s unless set) bounds it too, Grace included.
	// Zero means 5 s.
	Timeout time.Duration
	// Attempts is how many tokens a socket may show by "authenticate" until it is
	// let in. Zero means 1.
	Attempts int
	// Grace is how long, in event mode, a refused socket may take to acknowledge
	// "unauthorized" before DISCONNECT is sent. Zero means 2 s, negative none.
	Grace time.Duration

	// EarlyEvents bounds, in event mode, the events that are kept for a held socket
	// until it is let in; one more closes its connection. Zero means 16.
	EarlyEvents int
	// EarlyBytes bounds their size. Zero means 64 KiB.
	EarlyBytes int
	// DropEarly ignores such events instead of keeping them.
	DropEarly bool
	// MaxHeld bounds the sockets that are held at once. One more is refused for
	// the time being. Zero means 10,000.
	MaxHeld int
	// MaxHeldPerAddress bounds those of one address, as socketio.Handshake.Network has
	// it: an IPv4 address, or an IPv6 network of 64 bits. One more is refused for the
	// time being. Sockets whose address is not an IP address are not limited by it.
	// Zero means 1,000.
	MaxHeldPerAddress int

	// Guests lets in, without a lease, who shows no token at all: in handshake
	// mode, who came without; in event mode, everybody, at once. A guest logs in by
	// "authenticate" with a token in its payload, and gets a lease. Who shows a bad
	// token is no guest.
	Guests bool
	// LeaveAtExpiry makes a socket whose lease ends leave its namespace alone, by
	// DISCONNECT, while the connection stays. The JavaScript client will not come
	// back by itself. Zero means that the transport closes and it does.
	LeaveAtExpiry bool

	// KeepEncoded keeps the compact serialization of each lease's token, so that
	// handlers can show it to other services: see Encoded. Zero means that it is
	// dropped once it is verified.
	KeepEncoded bool

	// ThreamTexts tells refusals in the words of the npm package
	// @thream/socketio-jwt, for clients that compare them: a token that fails
	// verification, whatever is wrong with it, and a lease that ends are told as
	// "Unauthorized: Token is missing or invalid Bearer". A token that is missing or
	// badly written is told in the same words by both packages. What the other has no
	// words for stays as it is, hooks' refusals too, and so do codes and reasons. Zero
	// means the words of socketio-jwt.
	ThreamTexts bool
	// OmitReasonAndID leaves reason and id out of what peers are told, so that the data of
	// a final refusal has exactly the members that both npm packages send: message, code
	// and type. The log and OnRefuse still have both. Clients cannot tell why they were
	// refused if several reasons share a code. Zero means that peers are told both.
	OmitReasonAndID bool

	// Authorize decides about a socket whose token is good, and may say which user
	// it is. An error refuses the socket, in words that say nothing, unless it is
	// an *Error; see there. It sees the handshake as it came, and in event mode
	// after admission what is left of it. Nil means that a good token is enough.
	Authorize func(ctx context.Context, t *token.Token, h *socketio.Handshake) (user any, err error)
	// OnAdmit runs once for each socket that is about to be let in, guests too,
	// after verification and before what socketio.Namespace.OnConnect registered.
	// Token, User and Current work in it. A socket may still be refused after it,
	// by a later connect middleware, or since OnAdmit took too long. Nil means none.
	OnAdmit func(ctx context.Context, s *socketio.Socket)
	// OnLogin runs for each guest that has logged in, with the context of its lease, and
	// before it hears "authenticated". The socket is in already: what needs the user,
	// such as rooms of its own, is done here for such a socket, and otherwise in
	// socketio.Namespace.OnConnect. It holds up that answer and no handler, and Timeout
	// does not bound it. A panic in it ends the socket. Nil means none; without Guests
	// it is an error.
	OnLogin func(ctx context.Context, s *socketio.Socket)
	// OnRefuse runs for each refusal, failed attempts among them: on a goroutine of
	// its own, and after the last one when the socket has ended, so that it changes
	// nothing about it. Error.Err is the cause. Nil means none.
	OnRefuse func(ctx context.Context, s *socketio.Socket, e *Error)

	// CrossOrigin decides for which requests HTTP reads cookies: those that it allows. It
	// refuses requests of other sites unless their method is safe (GET, HEAD or OPTIONS),
	// so a safe method must not change anything. Nil means a new one, with no trusted
	// origins. Sockets have the server's origin rule instead.
	CrossOrigin *http.CrossOriginProtection
	// Realm is the realm in the challenges of HTTP. Empty means "socketio-jwt".
	Realm string

	// Logger receives refusals, with the ID that the peer was told and the cause; ends
	// of leases, at level Info; admissions, at level Debug; and panics in hooks, at level
	// Error. A final refusal has level Info, a temporary one Warn. Refusals are sampled,
	// so that a peer cannot fill the log: of each address the first ten are logged, and
	// then one every 10 s, with the number of those that were not (unlogged). The others
	// have level Debug. In an outage, such as one of an issuer's, it receives a line when
	// it begins and one when it has ended, and its refusals at level Debug. Nil means that
	// warnings and errors go to slog.Default(); give one with slog.DiscardHandler to log
	// nothing.
	Logger *slog.Logger
}

// A Gate lets sockets in: by its methods Handshake and Event, which are connect
// middleware. Make one with NewGate. Its options do not change, and it is safe for
// concurrent use.
type Gate struct {
	verifier Verifier
	opts     Options // complete
	held     held
	figures  figures
	leases   *registry
	sampler  *refusalSampler
	outage   outage
	cookies  sync.Once // warns that cookies are not looked at
}

// NewGate returns a gate for the tokens that verifier accepts. It fails if opts
// contradict each other, or the verifier is nil.
func NewGate(verifier Verifier, opts Options) (*Gate, error) {
	if err := checkVerifier(verifier); err != nil {
		return nil, err
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Gate{verifier: verifier, opts: opts, leases: newRegistry(registryShards), sampler: newRefusalSampler()}, nil
}

// withDefaults returns a copy of o that shares no memory with it, complete and
// checked.
func (o Options) withDefaults() (Options, error) {
	var wrong []error
	check := func(bad bool, text string) {
		if bad {
			wrong = append(wrong, errors.New("auth: "+text))
		}
	}
	check(o.Timeout < 0, "Timeout is negative")
	check(o.Attempts < 0, "Attempts is negative")
	check(o.EarlyEvents < 0, "EarlyEvents is negative")
	check(o.EarlyBytes < 0, "EarlyBytes is negative")
	check(o.MaxHeld < 0, "MaxHeld is negative")
	check(o.MaxHeldPerAddress < 0, "MaxHeldPerAddress is negative")
	check(o.DropEarly && (o.EarlyEvents != 0 || o.EarlyBytes != 0), "EarlyEvents and EarlyBytes do not apply with DropEarly")
	check(o.Guests && (o.EarlyEvents != 0 || o.EarlyBytes != 0 || o.DropEarly || o.MaxHeld != 0 || o.MaxHeldPerAddress != 0),
		"EarlyEvents, EarlyBytes, DropEarly, MaxHeld and MaxHeldPerAddress do not apply with Guests: no socket is held")
	check(!o.Guests && o.OnLogin != nil, "OnLogin does not apply without Guests")
	check(strings.ContainsFunc(o.Realm, func(r rune) bool { return !quotable(r) }), `Realm must be printable ASCII without quotes and backslashes`)
	check(o.Sources != nil && len(o.Sources) == 0, "Sources is empty; leave it nil for the usual ones")
	for i, source := range o.Sources {
		if err := checkSource(source); err != nil {
			wrong = append(wrong, fmt.Errorf("auth: source %d %w", i+1, err))
		}
		if slices.ContainsFunc(o.Sources[:i], func(earlier Source) bool { return sameSource(earlier, source) }) {
			wrong = append(wrong, fmt.Errorf("auth: source %d is listed twice", i+1))
		}
	}

	o.Sources = slices.Clone(o.Sources)
	if o.Sources == nil {
		o.Sources = []Source{FromAuth("token"), FromHeader()}
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 2 * time.Second
	}
	if o.Attempts == 0 {
		o.Attempts = 1
	}
	if o.MaxHeld == 0 {
		o.MaxHeld = 10_000
	}
	if o.MaxHeldPerAddress == 0 {
		o.MaxHeldPerAddress = 1000
	}
	if o.CrossOrigin == nil {
		o.CrossOrigin = http.NewCrossOriginProtection()
	}
	if o.Realm == "" {
		o.Realm = "socketio-jwt"
	}
	o.Logger = logging.OrDefault(o.Logger)
	return o, errors.Join(wrong...)
}
