package auth

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"socketiojwt/socketio"
)

// revokedEvent is the server-side event that tells nodes without a gate about a revocation.
const revokedEvent = "socketiojwt:revoked"

// revokedRooms are rooms that Revoke and Block disconnect.
type revokedRooms struct {
	namespace *socketio.Namespace
	rooms     func(Match) []string
}

// revokedTold is the argument of revokedEvent. Members that the revocation does not have are
// left out.
type revokedTold struct {
	Issuer       string    `json:"issuer,omitzero"`
	Subject      string    `json:"subject,omitzero"`
	TokenID      string    `json:"tokenId,omitzero"`
	SessionID    string    `json:"sessionId,omitzero"`
	TokenHash    string    `json:"tokenHash,omitzero"` // hexadecimal
	Block        bool      `json:"block,omitzero"`
	IssuedBefore time.Time `json:"issuedBefore,omitzero"`
	Until        time.Time `json:"until,omitzero"`
}

// RevokeRooms makes Revoke and Block reach users on nodes of the cluster that have no gate, such
// as servers of Node. After such a call on this node, the sockets in the rooms that the function
// returns for its Match get DISCONNECT, in the namespace and on all nodes, and the other nodes get
// the server-side event "socketiojwt:revoked" with a JSON object:
//
//	gate.RevokeRooms(srv.Namespace, func(m auth.Match) []string {
//		if _, subject, ok := m.Subject(); ok {
//			return []string{"user:" + subject} // which the Node servers join
//		}
//		return nil
//	})
//
// A gate ends its own sockets without it. Choose rooms that only sockets of nodes without a gate
// join, because every socket in them is disconnected, also one whose token was issued later. The
// node must refuse the token itself, for which the object has issuer, subject, tokenId, sessionId,
// tokenHash, block, issuedBefore and until, as far as the revocation has them. It travels as plain
// text. A message that the bus loses is not sent again.
//
// RevokeRooms must be called before the gate is used, once for each namespace. The function may be
// called concurrently.
func (g *Gate) RevokeRooms(namespace *socketio.Namespace, rooms func(Match) []string) {
	g.rooms = append(g.rooms, revokedRooms{namespace, rooms})
}

// revokeRooms tells nodes without a gate about a revocation, and disconnects its rooms.
func (g *Gate) revokeRooms(ctx context.Context, r Revocation) (err error) {
	for _, of := range g.rooms {
		var rooms []string
		if panicked := g.guard(ctx, "the function of RevokeRooms", func() { rooms = of.rooms(r.Match) }); panicked != nil {
			err = errors.Join(err, panicked)
			continue
		}
		if len(rooms) == 0 {
			continue
		}
		// In this order, because a peer that is disconnected may come back at once.
		err = errors.Join(err, of.namespace.ServerSideEmit(revokedEvent, toldOf(r)))
		err = errors.Join(err, of.namespace.To(rooms...).DisconnectSockets(nil))
	}
	if err != nil {
		return fmt.Errorf("auth: nodes without a gate were not told about a revocation: %w", err)
	}
	return nil
}

// toldOf returns what nodes without a gate are told.
func toldOf(r Revocation) revokedTold {
	m := r.Match
	told := revokedTold{Issuer: m.issuer, Block: r.IssuedBefore.IsZero() && !m.once(), IssuedBefore: r.IssuedBefore, Until: r.Until}
	switch m.kind {
	case bySubject:
		told.Subject = m.value
	case byTokenID:
		told.TokenID = m.value
	case bySession:
		told.SessionID = m.value
	case byHash:
		told.TokenHash = hex.EncodeToString([]byte(m.value))
	case byIssuer:
		told.Issuer = m.value
	}
	return told
}

// Subject returns the issuer and the subject of a Match that BySubject has made. It reports false
// for other ones.
func (m Match) Subject() (issuer, subject string, ok bool) {
	if m.kind != bySubject || m.value == "" {
		return "", "", false
	}
	return m.issuer, m.value, true
}
