package auth

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"socketiojwt/internal/wallclock"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// Expiry says what happens to a socket whose lease ends: see Options.AtExpiry.
type Expiry uint8

const (
	// CloseTransport closes the transport, after which the JavaScript client reconnects by
	// itself, with a fresh token, to all its namespaces.
	CloseTransport Expiry = iota
	// LeaveNamespace makes the socket leave only its namespace, by DISCONNECT, while the
	// connection stays open. The JavaScript client does not reconnect by itself then.
	LeaveNamespace
	// BecomeGuest makes the socket a guest with the same ID, as if another socket had come:
	// see socketio.Socket.Renew. It leaves all rooms, and loses its token, its user and its
	// values of a socketio.Key. Handlers that run get the end of their context and keep its
	// token. The peer gets "unauthorized", and may log in again. GuestOptions.OnExpiry runs
	// then. If a handler, OnLogin or OnRefresh does not return within Options.Timeout, the
	// transport closes instead. It needs Options.Guests.
	BecomeGuest
)

// checkLife checks the options about the life of a lease.
func (o Options) checkLife(check func(bad bool, text string)) {
	check(o.WarnBefore < 0, "WarnBefore is negative; set a positive duration, or zero for no warnings")
	check(o.ExpiryGrace < 0, "ExpiryGrace is negative; set a positive duration, or zero for no grace")
	check(o.MaxLifetime < 0, "MaxLifetime is negative; set a positive duration, or zero for no limit")
	check(o.AtExpiry > BecomeGuest, "AtExpiry is unknown; set CloseTransport, LeaveNamespace or BecomeGuest")
	check(o.AtExpiry == BecomeGuest && o.Guests == nil, "AtExpiry is BecomeGuest, but Guests is nil; set Guests, or another AtExpiry")
}

// endKey is the context key of the endTime of an examination.
type endKey struct{}

// endTime is the earliest time that Authorize has set by EndAt.
type endTime struct {
	mu sync.Mutex
	at time.Time
}

// EndAt makes the lease that Authorize decides about end at t, if its token does not end
// earlier. The context is that of Authorize. The earliest time of several calls applies, and
// the zero time changes nothing. If t is past, the token is refused as expired. A refresh
// runs Authorize again, so it may move the end. For an HTTP request, only a past t has an
// effect. EndAt panics if ctx is not that of Authorize. It may be called concurrently, until
// Authorize has returned.
func EndAt(ctx context.Context, t time.Time) {
	end, ok := ctx.Value(endKey{}).(*endTime)
	if !ok {
		panic("auth: EndAt: the context is not that of Authorize")
	}
	end.mu.Lock()
	defer end.mu.Unlock()
	end.at = earliest(end.at, t)
}

func (e *endTime) get() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.at
}

// earliest returns the earlier of two times. The zero time is later than all others.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// until returns the end of the lease for a token, if neither Authorize nor MaxLifetime ends
// it earlier. HTTP requests, for which the admission is nil, have no grace.
func (g *Gate) until(a *admission, t *token.Token) time.Time {
	until := t.ValidUntil()
	if a != nil && !until.IsZero() {
		until = until.Add(g.opts.ExpiryGrace)
	}
	return until
}

// due returns when the lease would end without Options.ExpiryGrace. It is the time that
// peers are told. Zero means never.
func (l *Lease) due() time.Time { return earliest(l.Token.ValidUntil(), l.Until) }

// shorten makes a lease that is being examined end at t if it would end later.
func (a *admission) shorten(lease *Lease, t time.Time) {
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
	}
	lease.Until = earliest(lease.Until, t)
}

// start makes a lease that the socket now has end in time. It starts MaxLifetime with the
// first lease of the socket. The caller holds mu; now is the time of the server's clock.
func (a *admission) start(lease *Lease, now time.Time) {
	if a.last == 0 && a.gate.opts.MaxLifetime > 0 {
		a.last = wallclock.Nanos(now.Add(a.gate.opts.MaxLifetime))
	}
	a.endBy(lease, now)
	a.setRecovery(lease)
}

// endBy gives the socket a lease and its end. The caller holds mu.
func (a *admission) endBy(lease *Lease, now time.Time) {
	if a.last != 0 {
		lease.Until = earliest(lease.Until, time.Unix(0, a.last))
	}
	// The lease is set before the deadline, because OnConnect and expire read it from the
	// context.
	a.socket.SetContextValue(leaseKey{}, a.carried(lease))
	a.socket.SetDeadline(lease.Until, func() { a.expire(lease) })
	a.remindOf(lease, now)
}

// remindOf makes the socket warn its peer about the end of the lease that it has now. The caller
// holds mu.
func (a *admission) remindOf(lease *Lease, now time.Time) {
	if at := a.warnAt(lease, now); !at.IsZero() {
		a.socket.Remind(at, func() { a.warn(lease) })
	}
}

// remind is remindOf for a peer that has just asked to be warned, and whose refresh may have been
// refused.
func (a *admission) remind() {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stage == leased {
		a.remindOf(a.entry.lease, now)
	}
}

// warnAt returns when the peer must be warned about the end of a lease. Zero means never.
// The time is random, so that a fleet whose tokens end together does not refresh together.
// A short lease is not warned about in its first half, or its peer would refresh without
// pause. The caller holds mu.
func (a *admission) warnAt(lease *Lease, now time.Time) time.Time {
	due := lease.due()
	before := min(a.gate.opts.WarnBefore, due.Sub(now)/2)
	if !a.warned || due.IsZero() || before <= 0 {
		return time.Time{}
	}
	return due.Add(-before + rand.N(before/2+1))
}

// warn tells the peer that its lease ends soon.
func (a *admission) warn(lease *Lease) {
	now := a.now()
	if a.current() == lease {
		_ = a.socket.EmitOnce(eventExpiring, expiringTold{ExpiresIn: untilEnd(lease.due(), now)}) // it fails only if the socket is closed
	}
}

// expire ends a lease that has reached its end, as Options.AtExpiry says. A nil lease stands
// for a guest that had one, and that has reached MaxLifetime.
func (a *admission) expire(lease *Lease) {
	a.mu.Lock()
	if a.stage != leased && a.stage != guest || a.entry.lease != lease {
		a.mu.Unlock() // it was refreshed at the last moment, or the socket is ending
		return
	}
	becomesGuest := a.gate.opts.AtExpiry == BecomeGuest && lease != nil && (a.last == 0 || wallclock.Nanos(lease.Until) < a.last)
	if becomesGuest {
		a.stage = fading
		a.setDeadline()
		if a.cancel != nil {
			a.cancel() // or the socket would wait for the examination of a token that is of no use any more
		}
	} else {
		a.conclude()
	}
	a.mu.Unlock()
	e := a.gate.refusal(token.ErrExpired)
	if lease != nil {
		a.gate.figures.expired.Add(1)
		a.logEnd("auth: lease ended", e.of(lease.Token))
	}
	if !becomesGuest {
		a.lapse(e)
	} else if a.fade(e) != nil { // not admitted yet, or ending
		a.faded(e)
	}
}

// lapse ends the socket because its lease has ended. The peer gets "unauthorized". Then the
// transport closes, so that every namespace on it reconnects with a fresh token, or with
// LeaveNamespace only this socket leaves, by DISCONNECT. The caller has set the stage to over.
func (a *admission) lapse(e *Error) {
	comesBack := a.gate.opts.AtExpiry != LeaveNamespace
	a.socket.Disconnect(&socketio.Ending{
		Event: eventUnauthorized, Args: []any{a.gate.toldByEvent(e)}, Temporary: comesBack, WholeConnection: comesBack, Err: e,
	})
}

// fade makes the socket a guest as soon as the handlers and hooks of its lease have returned.
func (a *admission) fade(e *Error) error {
	return a.socket.Renew(socketio.Renewal{
		Cause: e, Event: eventUnauthorized, Args: []any{a.gate.toldByEvent(e)},
		Before: a.forgetLease, After: a.welcomeGuest,
	})
}

// faded ends a socket that could not become a guest in time.
func (a *admission) faded(e *Error) {
	a.mu.Lock()
	fades := a.stage == fading && a.conclude()
	a.mu.Unlock()
	if fades {
		a.lapse(e)
	}
}

// forgetLease makes the socket a guest, before it goes on as one.
func (a *admission) forgetLease() {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stage != fading {
		return
	}
	a.stage = guest
	a.stopTimer()
	a.failed = 0
	a.unchallenge()
	a.gate.leases.unname(a.entry)
	a.entry.since = wallclock.Nanos(now)
	a.recount(guest)
	a.gate.figures.leaseEnds.Add(string(ReasonTokenExpired))
}

// welcomeGuest runs when the socket goes on as a guest.
func (a *admission) welcomeGuest() {
	a.mu.Lock()
	if a.stage == guest && a.last != 0 {
		a.socket.SetDeadline(time.Unix(0, a.last), func() { a.expire(nil) })
	}
	a.mu.Unlock()
	if hook := a.gate.opts.Guests.OnExpiry; hook != nil {
		a.hooked("OnExpiry", func(ctx context.Context) { hook(ctx, a.socket) })
	}
}
