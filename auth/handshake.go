package auth

import (
	"context"

	"socketiojwt/socketio"
)

// Handshake is connect middleware for one round trip: the token comes with the
// handshake, and the server answers CONNECT when the token is verified. A final refusal is
// CONNECT_ERROR,
//
//	{"message":m,"data":{"message":m,"code":c,"type":"UnauthorizedError","reason":r,"id":i}}
//
// A temporary refusal closes the transport. Options.Timeout bounds all of it. A peer whose
// auth payload has "lease":true gets the event "authenticated" when it is admitted, with
// {"expiresIn":n,"refresh":b}: see [Gate.Event]. Handshake may be called concurrently.
func (g *Gate) Handshake(ctx context.Context, s *socketio.Socket) error {
	a, err := g.newAdmission(s, true, g.guests)
	if err != nil {
		return err
	}
	lease, refused := a.handshake(ctx)
	if err := a.answer(lease, refused); err != nil {
		return err
	}
	if lease != nil && a.tellsLease() {
		_ = s.Welcome(eventAuthenticated, a.told(lease)) // it fails only if the socket has ended
	}
	return nil
}

// handshake examines the token of the handshake. The lease is nil for a guest.
func (a *admission) handshake(ctx context.Context) (*Lease, *Error) {
	within, cancel := a.within(ctx)
	defer cancel()
	lease, refused := a.gate.examine(within, a, a.socket.Handshake(), a.socket.Handshake())
	if refused != nil && a.gate.opts.Guests != nil && refused.Reason == ReasonTokenMissing {
		refused = nil
	}
	return lease, refused
}
