package auth

import (
	"context"
	"errors"
	"time"

	"socketiojwt/internal/wallclock"
	"socketiojwt/token"
)

// endSockets ends the sockets that a revocation concerns, and returns their number. It fails if a
// token could not be added to the denylist.
//
// A token that was shown before the revocation was made must have been issued before it, also
// if its iat is later by the clock of its issuer. Such a token is revoked by its hash, because
// the denylist does not find it by its iat.
func (g *Gate) endSockets(ctx context.Context, r Revocation) (ended int, err error) {
	var leaving []*admission
	shown := !r.IssuedBefore.Before(r.At) // the revocation concerns all tokens that were shown before it
	for e := range g.leases.sweeping(r.Match) {
		a := e.admission
		var ahead *token.Token // it must be revoked by its hash
		isLeaving := false
		if e.end(func(lease *Lease, since int64) *Error {
			switch t := lease.Token; {
			case !r.Match.Matches(t):
			case r.coversIssue(t):
				isLeaving = a.stage == over
				return g.revoked(r, t)
			case shown && since <= wallclock.Nanos(r.At):
				ahead = t
			}
			return nil
		}) {
			ended++
			g.figures.revoked.Add(1)
		}
		if isLeaving {
			leaving = append(leaving, a)
		}
		if ahead != nil {
			byHash := Revocation{Match: ByHash(ahead.Hash), Until: ahead.ValidUntil(), Reason: r.Reason, At: r.At}
			receipt, failed := g.revokeOnAllNodes(ctx, byHash, 0)
			ended += receipt.Sockets
			err = errors.Join(err, failed)
		}
	}
	finish(leaving)
	return ended, err
}

// leavingPatience is how long a sweep waits for sockets that end for another reason.
const leavingPatience = 100 * time.Millisecond

// finish waits until sockets that are being ended for another reason have ended, and ends those
// that take long because their peers are given time to receive the reason.
func finish(leaving []*admission) {
	if len(leaving) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leavingPatience)
	defer cancel()
	for _, a := range leaving {
		select {
		case <-a.socket.Context().Done():
		case <-ctx.Done():
			a.socket.Disconnect(nil)
		}
	}
}
