package auth

import (
	"context"
	"strconv"

	"socketiojwt/internal/wallclock"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// recoveryKey returns the key under which the session of a socket with this token can be
// recovered (socketio.Options.Recovery). The gate verifies the token of the new socket as always,
// so expiry and revocation are decided before anything is sent. The key adds that the new token
// is of the same identity of the same issuer. Without an identity it is empty, and the session
// cannot be recovered: two such tokens cannot be known to be for the same user.
func (g *Gate) recoveryKey(t *token.Token) string {
	identity, err := g.identity(t)
	if err != nil {
		return ""
	}
	return "auth " + strconv.Itoa(len(t.Issuer)) + ":" + t.Issuer + identity
}

// recoverable reports whether the session of a socket that had a lease may be recovered. It may not
// if the token was revoked after the connection was lost: the revocation found no socket to end. The
// peer shows a newer token then, which may be good.
func (g *Gate) recoverable(lease *Lease) bool {
	ctx, cancel := context.WithTimeout(context.Background(), g.opts.Timeout)
	defer cancel()
	_, found, refused := g.findRevocation(ctx, lease.Token)
	return !found && refused == nil
}

// setRecovery makes the session of the socket, which has this lease now, recoverable for the same
// identity.
func (a *admission) setRecovery(lease *Lease) {
	a.socket.SetRecoveryKey(a.gate.recoveryKey(lease.Token))
	a.setRecoveryCheck(lease)
}

func (a *admission) setRecoveryCheck(lease *Lease) {
	g, last := a.gate, a.last // the function must not keep the admission in memory
	a.socket.SetRecoveryCheck(func(next *socketio.Socket) bool { return g.recoverable(lease) && g.inherit(next, last) })
}

// inherit makes a socket that is about to recover a session end when MaxLifetime would have ended
// the first socket of the session, at last by wallclock.Nanos. Otherwise a client could keep its
// rooms and the values of its Keys for ever, by losing its connection now and then. It reports false
// if that time has passed. Zero means no limit.
func (g *Gate) inherit(next *socketio.Socket, last int64) bool {
	if last == 0 {
		return true
	}
	_, a := admittedBy(next.Context())
	if a == nil || a.gate != g {
		return false
	}
	now := a.now()
	if wallclock.Nanos(now) >= last {
		return false
	}
	a.mu.Lock()
	if a.stage != leased {
		a.mu.Unlock()
		return false
	}
	lease := *a.entry.lease
	until := lease.Until
	a.last = last
	a.gate.leases.replace(a.entry, &lease)
	a.endBy(&lease, now)
	a.setRecoveryCheck(&lease)
	a.mu.Unlock()
	if a.tellsLease() && !lease.Until.Equal(until) { // the peer is about to be told the later end
		_ = next.Welcome(eventAuthenticated, a.told(&lease)) // it fails only if the socket has ended
	}
	return true
}
