package auth

import (
	"context"
	"encoding/json"
	"strconv"

	"socketiojwt/internal/wirejson"
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

// described is what the gate must know about a lost socket, in JSON.
type described struct {
	Token json.RawMessage `json:"token"` // exported
	Last  int64           `json:"last"`  // admission.last
}

// setRecovery makes the session of the socket, which has this lease now, recoverable for the same
// identity until the lease ends. The end is the deadline of the socket.
func (a *admission) setRecovery(lease *Lease) {
	a.socket.SetRecoveryKey(a.gate.recoveryKey(lease.Token))
	a.socket.SetRecoveryCheck(func() []byte { return a.describe(lease) }, a.mayRecover)
}

// describe describes the socket when its connection is lost.
func (a *admission) describe(lease *Lease) []byte {
	exported, err := token.Export(lease.Token)
	if err != nil { // the token was never good
		return nil
	}
	a.mu.Lock()
	last := a.last
	a.mu.Unlock()
	text, _ := json.Marshal(described{exported, last}) // cannot fail
	return text
}

// mayRecover reports whether the socket may recover the session of a lost one. It may not if the
// token was revoked after the connection was lost: the revocation found no socket to end. The peer
// shows a newer token then, which may be good.
func (a *admission) mayRecover(lost []byte) bool {
	var was described
	if wirejson.UnmarshalKnown(lost, &was) != nil {
		return false
	}
	t, err := token.Import(was.Token)
	return err == nil && a.gate.stillGood(t) && a.inherit(was.Last)
}

// stillGood reports whether the token of a lost socket has not been revoked.
func (g *Gate) stillGood(t *token.Token) bool {
	ctx, cancel := context.WithTimeout(context.Background(), g.opts.Timeout)
	defer cancel()
	_, found, refused := g.findRevocation(ctx, t)
	return !found && refused == nil
}

// inherit makes a socket that is about to recover a session end when MaxLifetime would have ended
// the first socket of the session, at last by wallclock.Nanos. Otherwise a client could keep its
// rooms and the values of its Keys for ever, by losing its connection now and then. It reports false
// if the socket has ended. Zero means no limit.
func (a *admission) inherit(last int64) bool {
	if last == 0 {
		return true
	}
	now := a.now()
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
	a.mu.Unlock()
	if a.tellsLease() && !lease.Until.Equal(until) { // the peer is about to be told the later end
		_ = a.socket.Welcome(eventAuthenticated, a.told(&lease)) // it fails only if the socket has ended
	}
	return true
}
