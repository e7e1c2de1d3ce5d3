package auth

import (
	"context"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// A Lease says who an admitted socket is and how long it may stay. It is immutable:
// when something changes, the socket gets another one.
type Lease struct {
	// Token is the token that was verified.
	Token *token.Token
	// User is what Options.Authorize returned.
	User any
	// Until is when the lease ends: that of Token.ValidUntil. Zero means never.
	Until time.Time
}

// leaseKey is the key under which contexts carry a *Lease.
type leaseKey struct{}

// fromContext returns the lease of ctx; nil when there is none.
func fromContext(ctx context.Context) *Lease {
	lease, _ := ctx.Value(leaseKey{}).(*Lease)
	return lease
}

// Token returns the token under which the handler or hook that got ctx started. It
// is nil for a guest and where no gate was passed, and otherwise complete.
func Token(ctx context.Context) *token.Token {
	if lease := fromContext(ctx); lease != nil {
		return lease.Token
	}
	return nil
}

// User returns what Options.Authorize returned for that token; nil when there is no
// token.
func User(ctx context.Context) any {
	if lease := fromContext(ctx); lease != nil {
		return lease.User
	}
	return nil
}

// Current returns the lease that a socket has now; nil for a guest and for a socket
// that has passed no gate. Token and User say what a handler started with.
func Current(s *socketio.Socket) *Lease { return fromContext(s.Context()) }

// longestSleep bounds how long a lease's timer sleeps. Timers run by a clock that
// stands still while a machine is suspended and knows nothing of a wall clock that
// is set: after either, a lease outlives its token by no more than this.
const longestSleep = time.Minute

// sleep returns how long the timer of a lease sleeps before it looks again.
func (g *Gate) sleep(until time.Time) time.Duration {
	// Sub keeps to what a Duration can hold, whatever the years.
	return min(until.Sub(g.opts.Now()), longestSleep)
}

// ended returns the refusal for a lease that has ended before its socket is let in,
// since hooks took their time: its timer would come a moment too late.
func (g *Gate) ended(lease *Lease) *Error {
	if lease.Until.IsZero() || g.opts.Now().Before(lease.Until) {
		return nil
	}
	return refusal(token.ErrExpired)
}

// end ends a socket whose lease has ended. It is told, and then either the transport
// closes, so that every namespace on it comes back with a fresh token, or the socket
// leaves by DISCONNECT alone.
func (a *admission) end() {
	e := refusal(token.ErrExpired)
	a.gate.opts.Logger.Info("auth: lease ended", "socket", a.socket, "id", e.ID)
	a.tell(doNotWait, e)
	if a.gate.opts.LeaveAtExpiry {
		a.socket.Disconnect(e)
		return
	}
	a.socket.CloseConnection(e)
}
