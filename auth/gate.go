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
)

// Options configure a Gate, in both modes. The zero value is ready to use. What only
// event mode needs is in EventOptions, and what only guests need in GuestOptions.
type Options struct {
	// Sources say where a token may be shown, in the order in which they are
	// looked at. All of them are: two different tokens at once are refused. Nil
	// means FromAuth("token") and FromHeader().
	Sources []Source

	// Timeout is how long the gate may take: in handshake mode, for sources, keys
	// and hooks together; in event mode, from the start until the socket is let
	// in, whatever the peer sends meanwhile. For the first socket of a connection,
	// socketio.Options.ConnectTimeout (45 s unless set) bounds it too, the grace of a
	// refused socket included. Zero means 5 s.
	Timeout time.Duration

	// Guests admits sockets that present no token. They have no lease until they log in,
	// by "authenticate" with a token in its payload. In handshake mode a guest is a socket
	// whose handshake has no token; one with a bad token is refused. In event mode every
	// socket is admitted as a guest at once. Nil means that there are no guests.
	Guests *GuestOptions
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

	// Authorize decides about sockets whose token is good, and says which user they are:
	// see Authorizer, Check and User. It also decides about requests that HTTP serves.
	// Zero means that a good token is enough.
	Authorize Authorizer
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
	guests   logins
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
	gate := &Gate{verifier: verifier, opts: opts, guests: newLogins(0, 0), leases: newRegistry(registryShards), sampler: newRefusalSampler()}
	if opts.Guests != nil {
		gate.guests = newLogins(opts.Guests.Attempts, opts.Guests.Grace)
	}
	return gate, nil
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
	if o.Guests != nil {
		guests := *o.Guests
		check(guests.Attempts < 0, "GuestOptions.Attempts is negative")
		o.Guests = &guests
	}
	if o.Authorize.wrong != nil {
		wrong = append(wrong, o.Authorize.wrong)
	}
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
	if o.CrossOrigin == nil {
		o.CrossOrigin = http.NewCrossOriginProtection()
	}
	if o.Realm == "" {
		o.Realm = "socketio-jwt"
	}
	o.Logger = logging.OrDefault(o.Logger)
	return o, errors.Join(wrong...)
}
