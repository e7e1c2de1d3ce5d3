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
	"sync/atomic"
	"time"

	"socketiojwt/internal/logging"
	"socketiojwt/internal/turns"
	"socketiojwt/observe"
	"socketiojwt/socketio"
)

// Options configure a Gate, in both modes. The zero value is ready to use. EventOptions has
// the options of event mode, and GuestOptions those of guests.
type Options struct {
	// Sources say where a token may be shown. The gate reads all of them, in this order,
	// and refuses a socket that shows two different tokens. Nil means FromAuth("token") and
	// FromHeader().
	Sources []Source

	// Timeout is how long the gate may take. In handshake mode it bounds sources, keys and
	// hooks together. In event mode it bounds the time from the connection of the socket
	// until it is admitted, whatever the peer sends meanwhile. For the first socket of a
	// connection, socketio.Options.ConnectTimeout (45 s unless set) bounds the same time,
	// including the grace of a refused socket. Zero means 5 s.
	Timeout time.Duration
	// Verifications is how many signatures of public keys the gate checks at a time. Further
	// checks wait, in order of arrival and within Timeout, so that a flood of bad tokens leaves
	// processors to the sockets that are admitted. Shared secrets, and signatures that a
	// *token.Verifier remembers, do not wait. A custom Verifier must pass its context on: see
	// token.WithLimiter. Zero means half of the processors (GOMAXPROCS at the start of the
	// program), at least one, for all gates of the program with zero together.
	Verifications int

	// Guests admits sockets that present no token. They have no lease until they log in,
	// by "authenticate" with a token in its payload. In handshake mode a guest is a socket
	// whose handshake has no token; one with a bad token is refused. In event mode every
	// socket is admitted as a guest at once. Nil means that there are no guests.
	Guests *GuestOptions

	// AtExpiry says what happens to a socket whose lease ends. Zero means CloseTransport.
	AtExpiry Expiry
	// WarnBefore is how long before the end of its lease a peer is warned, by the event
	// "token_expiring" with {"expiresIn":n}, n in seconds. The time is random, between
	// WarnBefore and half of it, and a lease is not warned about in its first half. Only peers
	// are warned that asked for their lease, by "lease":true in the auth payload or the payload
	// of "authenticate", or that sent "authenticate" with an acknowledgement. Zero means no
	// warnings.
	WarnBefore time.Duration
	// ExpiryGrace is how long a socket may stay after its token has expired, for example to
	// refresh its lease. Peers are not told about it, and it admits no expired token. Zero
	// means that there is no grace.
	ExpiryGrace time.Duration
	// MaxLifetime is how long a socket may stay since it was first admitted with a token,
	// whatever its tokens say. A refresh and another login do not change it. When it is over,
	// AtExpiry applies, with CloseTransport for BecomeGuest. Socketio.Options.Recovery does not
	// change it either: the sockets of a session end together. Zero means no limit.
	MaxLifetime time.Duration
	// IdentityClaim is the claim that must have the same value in the token of a lease and in
	// a token that refreshes it, beside the same issuer. It must be a string that is not empty.
	// Empty means sub.
	IdentityClaim string

	// KeepEncoded keeps the compact serialization of each lease's token, so that handlers
	// can send it to other services: see Encoded. False means that it is dropped once the
	// token is verified.
	KeepEncoded bool

	// ThreamTexts sends refusals with the messages of the npm package
	// @thream/socketio-jwt, for clients that compare them. The message for any token that
	// fails verification, and for a lease that ends, is then
	// "Unauthorized: Token is missing or invalid Bearer". Both packages have the same
	// messages for a token that is missing or badly written. Messages that
	// @thream/socketio-jwt does not have, those of hooks, codes and reasons do not change.
	// False means the messages of socketio-jwt.
	ThreamTexts bool
	// OmitReasonAndID leaves reason and id out of refusals, so that the data of a final
	// refusal has exactly the members that both npm packages send: message, code and type.
	// The log and OnRefuse still have both. Clients then cannot tell reasons apart that
	// share a code. False means that peers get both.
	OmitReasonAndID bool

	// Authorize decides about sockets whose token is good, and may name their user: see
	// Authorizer, Check and User. It also decides about requests that HTTP serves. The zero
	// value means that a good token is enough.
	Authorize Authorizer
	// Rooms declare rooms that follow from a socket's token, such as those of its user and of
	// the user's tenants. A socket is in them from the moment at which it is admitted with a
	// token, before OnConnect runs, or in which a guest logs in, before OnLogin runs. When the
	// token is refreshed, it leaves at once the rooms that the new token does not give, and
	// joins the new ones. A guest is in none.
	//
	// A token is refused if it gives a room that its socket cannot join: one with a name longer
	// than socketio.Options.MaxNameLength, more than socketio.Options.MaxRooms, or one named by
	// the ID of another socket. A room that is left out would be a right that the user misses
	// without notice, or a restriction that does not apply. No prefix may begin with another
	// one. Only the gate should make sockets join and leave these rooms: see RoomRule for rooms
	// that peers ask for. Nil means no rooms.
	Rooms []RoomsFrom
	// OnRefuse runs for each refusal of a socket, including failed attempts after which the
	// peer may try again. It runs on a goroutine of its own, and for the last refusal after
	// the socket has ended, so it cannot change the refusal. It may run concurrently, for
	// one socket too. Error.Err is the cause. Nil means that no hook runs.
	OnRefuse func(ctx context.Context, s *socketio.Socket, e *Error)
	// OnRefresh runs when a socket has refreshed its lease, with the context of the new lease,
	// before the peer is answered. Handlers may already run with the new lease, so do here what
	// the change of claims needs, such as leaving rooms. OnRefresh delays that answer and the
	// next "authenticate" but no handler, and Timeout does not bound it. It may run
	// concurrently for different sockets. A panic in it ends the socket. Nil means that no hook
	// runs.
	OnRefresh func(ctx context.Context, s *socketio.Socket, before *Lease)

	// Denylist has the revoked tokens and blocked subjects; see Gate.Revoke and Gate.Block. The
	// gate asks it for each token that is shown. Gates may share one, but Revoke ends only
	// sockets of its own gate, unless it is a SharedDenylist. Nil means a new
	// NewDenylist(DenylistOptions{}).
	Denylist Denylist
	// DenylistFailure says what happens if the Denylist cannot be asked. It has half of what
	// is left of Timeout to answer. Zero means FailClosed.
	DenylistFailure DenylistFailure
	// DenylistRecheck is how often the gate asks the Denylist for live leases again, one after
	// the other, and ends those that it finds. Set it if the list also changes without Revoke
	// and Share, or if sockets must not stay while a SharedDenylist cannot be read. If the list fails, the gate asks again soon. With FailClosed, when all has
	// failed until twice DenylistRecheck has passed, it ends the leases temporarily. Zero means
	// never: tokens are looked up only when they are shown.
	DenylistRecheck time.Duration
	// LongestToken is the longest time for which an issuer makes tokens good. An entry that
	// Revoke makes lasts that long, and 5 minutes more for the leeway of verifiers, unless
	// RevokeOptions.Until is set, so that it ends no earlier than the tokens that it concerns. A token that is good for longer is logged at
	// level Warn. Zero means 30 days or, if the gate has seen a token that is good for longer,
	// until that token ends. It must be set for a SharedDenylist.
	LongestToken time.Duration
	// IssuerSkew is how far the clocks of issuers may be ahead of the server's. Tokens that are
	// issued within this time after a revocation, by the server's clock, are revoked too. Zero
	// means that the clocks agree.
	IssuerSkew time.Duration

	// CrossOrigin decides for which requests HTTP reads cookies: those that it allows. It
	// denies requests from other sites unless their method is safe (GET, HEAD or OPTIONS),
	// so a safe method must not change anything. Nil means a new CrossOriginProtection, with
	// no trusted origins. For sockets, the server's origin rule applies instead.
	CrossOrigin *http.CrossOriginProtection
	// Realm is the realm in the challenges of HTTP. Empty means "socketio-jwt".
	Realm string

	// Observer is told about verifications, refreshes and revocations: see package observe. Nil
	// costs nothing.
	Observer observe.Observer

	// Logger receives:
	//
	//   - refusals, with the cause and the ID that the peer got: final ones at level Info,
	//     temporary ones at level Warn
	//   - ends of leases, at level Info
	//   - admissions and refreshes, at level Debug
	//   - revocations and blocks, at level Info
	//   - panics in hooks, at level Error
	//
	// docs/lifetime.md lists the lines about sockets and tokens with their fields.
	//
	// Refusals are sampled, so that a peer cannot fill the log. For each address the first
	// ten are logged, and then one every 10 s, with the number of those that were left out
	// (unlogged). The others have level Debug. For an outage, such as that of an issuer, the
	// log has one line when it begins and one when it has ended, and its refusals have level
	// Debug. Nil means that warnings and errors go to slog.Default(). To log nothing, set a
	// logger with slog.DiscardHandler.
	Logger *slog.Logger
}

// A Gate admits sockets that show a good token, and refuses others. Its methods Handshake
// and Event provide the connect middleware. Make one with NewGate; the zero value is not
// usable. Its options do not change, and it is safe for concurrent use.
type Gate struct {
	verifier   Verifier
	opts       Options // with defaults
	guests     *logins
	turns      turns.Turns // for checks of signatures
	held       held
	figures    figures
	leases     *registry
	sampler    *refusalSampler
	outage     outage
	longest    atomic.Int64    // when the last of the tokens that were seen ends, by wallclock.Nanos
	failures   logging.Sampler // of the denylist, for FailOpen
	longTokens logging.Sampler // for tokens that last longer than LongestToken
	recheck    recheck
	rooms      []revokedRooms // of nodes without a gate
	name       string         // of Share; empty unless it was called
	share      *share         // with other nodes; nil unless Share was called
	tickets    *tickets
	cookies    sync.Once // for the warning that cookies are not read
	began      time.Time
}

// NewGate returns a gate for the tokens that verifier accepts. It fails if the verifier is
// nil or an option is invalid. Zero opts mean the defaults.
func NewGate(verifier Verifier, opts Options) (*Gate, error) {
	if err := checkVerifier(verifier); err != nil {
		return nil, err
	}
	opts, err := opts.withDefaults()
	if err := errors.Join(err, checkRooms(opts.Rooms, verifier)); err != nil {
		return nil, err
	}
	gate := &Gate{verifier: verifier, opts: opts, guests: newLogins(0, 0), turns: newTurns(opts.Verifications), leases: newRegistry(registryShards), sampler: newRefusalSampler(),
		began: time.Now(), tickets: newTickets(), failures: logging.Sampler{PerMinute: 10, Repeat: time.Minute},
		longTokens: logging.Sampler{PerMinute: 10, Repeat: 24 * time.Hour}}
	if opts.Guests != nil {
		gate.guests = newLogins(opts.Guests.Attempts, opts.Guests.Grace)
	}
	gate.watch()
	return gate, nil
}

// withDefaults checks o and returns a copy of it with defaults. Later changes of o's
// Sources, Rooms and Guests do not affect the copy.
func (o Options) withDefaults() (Options, error) {
	var wrong []error
	check := func(bad bool, text string) {
		if bad {
			wrong = append(wrong, errors.New("auth: "+text))
		}
	}
	check(o.Verifications < 0, "Verifications is negative; set a positive number, or zero for half of the processors")
	check(o.Timeout < 0, "Timeout is negative; set a positive duration, or zero for 5 s")
	check(o.DenylistRecheck < 0, "DenylistRecheck is negative; set a positive duration, or zero to ask only when a token is shown")
	check(o.LongestToken < 0, "LongestToken is negative; set a positive duration, or zero for 30 days")
	_, shared := o.Denylist.(SharedDenylist)
	check(shared && o.LongestToken == 0, "LongestToken is zero, but the Denylist is shared by nodes; set the longest time for which an issuer makes tokens good")
	check(o.IssuerSkew < 0, "IssuerSkew is negative; set a positive duration, or zero if the clocks agree")
	check(o.DenylistFailure > FailOpen, "DenylistFailure is unknown; set FailClosed or FailOpen")
	o.checkLife(check)
	if o.Guests != nil {
		guests := *o.Guests
		check(guests.Attempts < 0, "GuestOptions.Attempts is negative; set a positive number, or zero for 1")
		o.Guests = &guests
	}
	if o.Authorize.wrong != nil {
		wrong = append(wrong, o.Authorize.wrong)
	}
	check(strings.ContainsFunc(o.Realm, func(r rune) bool { return !quotable(r) }), `Realm must be printable ASCII without double quotes and backslashes`)
	check(o.Sources != nil && len(o.Sources) == 0, "Sources is empty; list a source, or leave it nil for the defaults")
	for i, source := range o.Sources {
		if err := checkSource(source); err != nil {
			wrong = append(wrong, fmt.Errorf("auth: source %d %w", i+1, err))
		}
		if slices.ContainsFunc(o.Sources[:i], func(earlier Source) bool { return sameSource(earlier, source) }) {
			wrong = append(wrong, fmt.Errorf("auth: source %d is listed twice; remove one of the two", i+1))
		}
	}

	o.Sources, o.Rooms = slices.Clone(o.Sources), slices.Clone(o.Rooms)
	if o.Sources == nil {
		o.Sources = []Source{FromAuth("token"), FromHeader()}
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Denylist == nil {
		o.Denylist = NewDenylist(DenylistOptions{})
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
