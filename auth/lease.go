package auth

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// A Lease says who an admitted socket is and how long it may stay. It is immutable:
// when something changes, the socket gets another one. It prints neither Encoded nor
// the user.
type Lease struct {
	// Token is the token that was verified.
	Token *token.Token
	// Until is when the lease ends: that of Token.ValidUntil. Zero means never.
	Until time.Time
	// Encoded is Token in compact serialization, if Options.KeepEncoded says so, else
	// "". It is a credential: anyone who obtains it can impersonate the user.
	Encoded string

	user any // a userOf, or nil; see User.From
}

func (l Lease) describe() string {
	if l.Token == nil {
		return "auth.Lease(of no token)"
	}
	until := "for ever"
	if !l.Until.IsZero() {
		until = "until " + l.Until.Format(time.RFC3339)
	}
	return fmt.Sprintf("auth.Lease(%s, %s)", l.Token, until)
}

// String describes the lease without what it must not tell. Its methods have value
// receivers, so that they work for values and pointers alike.
func (l Lease) String() string { return l.describe() }

// Format writes what String returns, whatever the verb.
func (l Lease) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, l.describe()) }

// MarshalText returns what String does, so that no encoder of text writes the token;
// encoding/gob, which is for values that are to be had again, does.
func (l Lease) MarshalText() ([]byte, error) { return []byte(l.describe()), nil }

// LogValue returns what String does, for slog.
func (l Lease) LogValue() slog.Value { return slog.StringValue(l.describe()) }

// leaseKey is the key under which contexts carry what carried returns.
type leaseKey struct{}

// requestLeaseKey is leaseKey for the leases of HTTP requests. They have a key of their own
// because socketio.Options.ConnContext can pass the values of a request on to sockets: a
// request that was verified must not make a guest look like a user.
type requestLeaseKey struct{}

// carried returns a lease as contexts carry it: behind a func, where fmt does not look
// when it is given a context and the wrong verb.
func carried(lease *Lease) any { return func() *Lease { return lease } }

// fromContext returns the lease of ctx; nil when there is none.
func fromContext(ctx context.Context) *Lease {
	var key any = leaseKey{}
	if socketio.FromContext(ctx) == nil {
		key = requestLeaseKey{}
	}
	if lease, ok := ctx.Value(key).(func() *Lease); ok {
		return lease()
	}
	return nil
}

// Token returns the token under which the handler or hook that got ctx started. It
// is nil for a guest and where no gate was passed, and otherwise complete.
func Token(ctx context.Context) *token.Token {
	if lease := fromContext(ctx); lease != nil {
		return lease.Token
	}
	return nil
}

// Encoded returns that token in compact serialization; "" unless Options.KeepEncoded
// says that it is kept, and when there is no token.
func Encoded(ctx context.Context) string {
	if lease := fromContext(ctx); lease != nil {
		return lease.Encoded
	}
	return ""
}

// Current returns the lease that a socket has now; nil for a guest and for a socket
// that has passed no gate. Token and User.From return what a handler started with.
func Current(s *socketio.Socket) *Lease { return fromContext(s.Context()) }

// now returns the time by which leases end: the server's clock, or for an HTTP request,
// for which a is nil, that of the machine. It may run user code.
func (a *admission) now() time.Time {
	if a == nil {
		return time.Now()
	}
	return a.socket.Now()
}

// ended returns the refusal for a token that is not good any more before its socket is
// admitted: a Verifier of the program did not look at the time, its clock is behind that of
// the server, or hooks took long. Zero means that it never ends. The admission is nil for an
// HTTP request.
func (g *Gate) ended(a *admission, until time.Time) *Error {
	if until.IsZero() || a.now().Before(until) {
		return nil
	}
	return g.refusal(token.ErrExpired)
}

// end ends a socket whose lease has ended: the peer hears "unauthorized", and then
// either the transport closes, so that every namespace on it comes back with a fresh
// token, or only this socket leaves, by DISCONNECT.
func (a *admission) end() {
	a.mu.Lock()
	leased := a.stage == leased
	if leased {
		a.stage = over
	}
	a.mu.Unlock()
	if !leased {
		return
	}
	a.gate.figures.expired.Add(1)
	e := a.gate.refusal(token.ErrExpired)
	a.gate.opts.Logger.InfoContext(a.socket.Context(), "auth: lease ended", "socket", a.socket, "remote", a.socket.Handshake().RemoteAddr,
		"id", e.ID, "subject", Current(a.socket).Token.Subject)
	comesBack := !a.gate.opts.LeaveAtExpiry
	a.socket.Disconnect(&socketio.Ending{
		Event: "unauthorized", Args: []any{a.gate.toldByEvent(e)}, Temporary: comesBack, WholeConnection: comesBack, Err: e,
	})
}
