package auth

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"socketiojwt/internal/hidden"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// A Lease says which token a socket was admitted with and how long it may stay. It is
// immutable, so it may be read concurrently. Neither fmt nor slog print Encoded or the
// user.
type Lease struct {
	// Token is the token that was verified.
	Token *token.Token
	// Until is when the lease ends: Token.ValidUntil() plus Options.ExpiryGrace, or earlier if
	// Options.MaxLifetime or EndAt says so. Zero means never.
	Until time.Time
	// Encoded is Token in compact serialization if Options.KeepEncoded is set, else "".
	// It is a credential: anyone who obtains it can impersonate the user.
	Encoded string

	verdict *verdict // nil if the program has said nothing
}

// verdict is what the program has said about the token of a lease.
type verdict struct {
	user  any      // a userOf or nil; see User.From
	rooms []string // declared by Options.Rooms, sorted
}

// said returns the verdict of the lease to be read. The lease may be nil.
func (l *Lease) said() verdict {
	if l == nil || l.verdict == nil {
		return verdict{}
	}
	return *l.verdict
}

// say returns the verdict of the lease to be changed, while its token is examined.
func (l *Lease) say() *verdict {
	if l.verdict == nil {
		l.verdict = new(verdict)
	}
	return l.verdict
}

// describe is String. It and the methods of Lease that call it have value receivers, so that
// they also apply to Lease values and not only to pointers.
func (l Lease) describe() hidden.Text {
	if l.Token == nil {
		return "auth.Lease(of no token)"
	}
	until := "for ever"
	if !l.Until.IsZero() {
		until = "until " + l.Until.Format(time.RFC3339)
	}
	return hidden.Text(fmt.Sprintf("auth.Lease(%s, %s)", l.Token, until))
}

// String describes the lease by its token's description and its end, without Encoded and
// the user.
func (l Lease) String() string { return l.describe().String() }

// Format writes what String returns, for every verb.
func (l Lease) Format(f fmt.State, verb rune) { l.describe().Format(f, verb) }

// MarshalText returns what String does, so that encoders of text, such as encoding/json, do
// not write the token. It never fails. encoding/gob does not use it, and writes Encoded.
func (l Lease) MarshalText() ([]byte, error) { return l.describe().MarshalText() }

// LogValue returns what String does, for slog.
func (l Lease) LogValue() slog.Value { return l.describe().LogValue() }

// leaseKey is the context key of a socket's lease, as carried returns it.
type leaseKey struct{}

// requestLeaseKey is leaseKey for the leases of HTTP requests. They have a key of their own
// because socketio.Options.ConnContext can pass the values of a request on to sockets: a
// request that was verified must not make a guest look like a user.
type requestLeaseKey struct{}

// requestKey is the context key of the request that has the lease of requestLeaseKey.
type requestKey struct{}

// request is what a ticket needs to know of an HTTP request.
type request struct {
	gate   *Gate
	origin string // empty if the request had none
}

// carried returns the value for a context that has r.
func (r request) carried() any { return hidden.Of(r) }

// requestOf returns the request of ctx, or the zero request.
func requestOf(ctx context.Context) request {
	r, _ := ctx.Value(requestKey{}).(hidden.Value[request])
	return r.Get()
}

// holding is what a context has for a lease: the lease, and the admission of the socket, so that
// event middleware finds it. The admission is nil for a request.
type holding struct {
	lease     *Lease
	admission *admission
}

// carried returns the value for a context whose socket has lease. It is hidden because fmt
// prints the values of a context with some verbs. For a request, a is nil.
func (a *admission) carried(lease *Lease) any { return hidden.Of(holding{lease, a}) }

// fromContext returns the lease of ctx, or nil if there is none.
func fromContext(ctx context.Context) *Lease {
	lease, _ := admittedBy(ctx)
	return lease
}

// admittedBy returns the lease of ctx, and the admission of its socket. Both are nil if there is
// no lease, and the admission is nil for a request.
func admittedBy(ctx context.Context) (*Lease, *admission) {
	var key any = leaseKey{}
	if socketio.FromContext(ctx) == nil {
		key = requestLeaseKey{}
	}
	if v, ok := ctx.Value(key).(hidden.Value[holding]); ok {
		h := v.Get()
		return h.lease, h.admission
	}
	return nil, nil
}

// Token returns the token that the socket or request had when the handler or hook of ctx
// started. It is nil for a guest, and if no gate admitted the socket or request. It may be
// called concurrently.
func Token(ctx context.Context) *token.Token {
	if lease := fromContext(ctx); lease != nil {
		return lease.Token
	}
	return nil
}

// Encoded returns the token of Token in compact serialization. It is "" if there is no token
// or Options.KeepEncoded is not set. It may be called concurrently.
func Encoded(ctx context.Context) string {
	if lease := fromContext(ctx); lease != nil {
		return lease.Encoded
	}
	return ""
}

// Current returns the lease that a socket has now. It is nil for a guest, and if no gate
// admitted the socket. It may be called concurrently. Token and User.From return what a
// handler started with instead.
func Current(s *socketio.Socket) *Lease { return fromContext(s.Context()) }

// now returns the time by which leases end: that of the server's clock or, for an HTTP
// request, for which a is nil, that of the machine. The server's clock is user code, so the
// caller must not hold mu.
func (a *admission) now() time.Time {
	if a == nil {
		return time.Now()
	}
	return a.socket.Now()
}

// ended returns the refusal for a token that has expired before its socket is admitted, or
// nil. That happens if a custom Verifier does not check the time, its clock is behind the
// server's, or hooks took long. A zero until means that the token does not expire. The
// admission is nil for an HTTP request.
func (g *Gate) ended(a *admission, until time.Time) *Error {
	if until.IsZero() || a.now().Before(until) {
		return nil
	}
	return g.refusal(token.ErrExpired)
}
