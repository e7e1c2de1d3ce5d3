package auth

import (
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
