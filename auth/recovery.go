package auth

import (
	"context"
	"strconv"

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
	g := a.gate // the function must not keep the admission in memory
	a.socket.SetRecoveryKey(g.recoveryKey(lease.Token))
	a.socket.SetRecoveryCheck(func() bool { return g.recoverable(lease) })
}
