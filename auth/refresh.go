package auth

import (
	"context"
	"encoding/hex"
	"log/slog"
	"time"

	"socketiojwt/internal/wallclock"
	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// mostRepeats bounds how many refused tokens a socket with a lease may show between two
// refreshes. After that the gate ignores its events "authenticate", and refuses those with an
// acknowledgement without looking at the token.
const mostRepeats = 10

// A socket may refresh its lease refreshBurst times at once, and then once each
// refreshEvery.
const (
	refreshBurst = 10
	refreshEvery = 2 * time.Second
)

// refresh replaces the lease of the socket by one for the token that it shows, if that is a
// good one of the same identity. Else the lease stays. The peer gets the result as the
// acknowledgement, and no event. Handlers that run keep the token and the user of the lease
// before.
func (a *admission) refresh(ctx context.Context, e *socketio.Event, shown *socketio.Handshake) {
	if refused := a.mayRefresh(); refused != nil {
		a.gate.figures.refusals.Add(refused.Reason) // not in the log: the peer could fill it
		a.acknowledge(e, refused)
		return
	}
	within, cancel := a.within(ctx)
	defer cancel()
	lease, done, refused := a.exchange(within, shown)
	if refused != nil {
		a.withdraw()
		a.refreshFailed(ctx, e, refused)
		return
	}
	a.logLease("auth: lease refreshed", lease.Token, slog.String("tokenBefore", hex.EncodeToString(done.before.Token.Hash[:])))
	if hook := a.gate.opts.OnRefresh; hook != nil {
		if !a.hooked("OnRefresh", func(ctx context.Context) { hook(ctx, a.socket, done.before) }) {
			return
		}
	}
	told := a.told(lease)
	told.Joined, told.Left = done.joined, done.left
	_ = e.Ack(told) // it fails only if the socket is closed
	a.refreshed()
}

// exchange examines a token and makes its lease the socket's.
func (a *admission) exchange(ctx context.Context, shown *socketio.Handshake) (lease *Lease, done swapped, refused *Error) {
	if o := a.gate.opts.Observer; o != nil {
		next, running := observe.Begin(ctx, o, observe.Operation{Kind: observe.Refresh})
		ctx = next
		defer func() { running.End(observe.Outcome{Result: resultOf(refused)}) }()
	}
	if lease, refused = a.gate.examine(ctx, a, a.socket.Handshake(), shown); refused == nil {
		done, refused = a.swap(lease)
	}
	return lease, done, refused
}

// mayRefresh begins a refresh. It returns a refusal if there were too many.
func (a *admission) mayRefresh() *Error {
	now := time.Since(a.gate.began)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed >= mostRepeats {
		return a.gate.refusal(errRefused)
	}
	if wait := max(a.spent-now, 0) - (refreshBurst-1)*refreshEvery; wait > 0 {
		e := a.gate.refusal(errTooMany)
		e.RetryAfter = wait
		return e
	}
	a.spent = max(a.spent, now) + refreshEvery
	a.deadline = now + a.gate.opts.Timeout
	return nil
}

// swapped is what swap has changed.
type swapped struct {
	before       *Lease   // the lease that was replaced
	joined, left []string // declared rooms
}

// swap makes a lease that was examined the socket's, in place of another one, and moves the
// socket to the declared rooms of the new lease. It fails if the other one has ended.
func (a *admission) swap(lease *Lease) (done swapped, refused *Error) {
	ended, now := a.socketEnded(), a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.stage != leased || ended:
		return done, a.gate.refusal(token.ErrExpired)
	case a.spoiled != nil:
		return done, a.spoiled
	}
	done.before = a.entry.lease
	a.promote()
	a.failed = 0
	a.gate.figures.refreshes.Add(1)
	a.start(lease, now)
	done.joined, done.left = a.rooms(done.before, lease)
	return done, nil
}

// refreshFailed tells the peer that its refresh was refused. A temporary refusal does not
// count as a refused token.
func (a *admission) refreshFailed(ctx context.Context, e *socketio.Event, refused *Error) {
	if ctx.Err() != nil { // the socket has ended
		return
	}
	if !refused.Temporary {
		a.mu.Lock()
		a.failed++
		a.mu.Unlock()
	}
	a.gate.log(a.socket, refused)
	a.gate.notify(a.socket, refused)
	a.acknowledge(e, refused)
}

// repeat answers "authenticate" without an acknowledgement of a socket that has a lease. It
// never changes the lease. If the token is good and for the same subject, the peer gets
// "authenticated", but the lease is not prolonged. Any other token is refused, and the socket
// keeps its lease.
func (a *admission) repeat(ctx context.Context, shown *socketio.Handshake) {
	a.mu.Lock()
	ignored := a.failed >= mostRepeats
	a.mu.Unlock()
	if ignored {
		return
	}
	within, cancel := context.WithTimeoutCause(ctx, a.gate.opts.Timeout, errLate)
	defer cancel()
	t, _, refused := a.gate.verify(within, a, shown)
	if refused == nil {
		a.enter(&Lease{Token: t, Until: a.gate.until(a, t)})
		defer a.withdraw()
		lease := a.current()
		if refused = a.gate.denied(within, t); refused == nil {
			refused = a.spoiledBy()
		}
		if refused == nil && (lease == nil || !sameHolder(t, lease.Token)) {
			refused = a.gate.refusal(errSubject).of(t)
		}
	}
	switch {
	case ctx.Err() != nil: // the socket has ended
	case refused == nil:
		_ = a.socket.EmitOnce(eventAuthenticated) // it fails only if the socket is closed
	default:
		a.mu.Lock()
		a.failed++
		a.mu.Unlock()
		a.gate.log(a.socket, refused)
		a.gate.notify(a.socket, refused)
		a.tell(doNotWait, refused)
	}
}

// spoiledBy returns the refusal of the candidate if it was revoked while it was examined.
func (a *admission) spoiledBy() *Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spoiled
}

// told describes a lease of the socket to its peer.
func (a *admission) told(lease *Lease) leaseTold {
	now := a.now()
	_, err := a.gate.identity(lease.Token)
	a.mu.Lock()
	defer a.mu.Unlock()
	return leaseTold{ExpiresIn: untilEnd(lease.due(), now), Refresh: err == nil && (a.last == 0 || wallclock.Nanos(lease.Until) < a.last)}
}

// acknowledge answers "authenticate" with a refusal, if the peer waits for an answer.
func (a *admission) acknowledge(e *socketio.Event, refused *Error) {
	_ = e.Ack(refusedTold{a.gate.told(refused)}) // it fails only if the socket is closed
}

// hooked runs a hook of the program with the context of the socket as it is now. If the
// hook panics, hooked ends the socket and reports false, because it may have done only a
// part of its work.
func (a *admission) hooked(name string, hook func(ctx context.Context)) bool {
	ctx := a.socket.Context()
	refused := a.gate.guard(ctx, name, func() { hook(ctx) })
	if refused == nil {
		return true
	}
	a.end(refused.of(Token(ctx)))
	return false
}
