package auth

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// A SharedDenylist is a Denylist that the nodes of a cluster share, such as that of package
// denyredis. Its entries reach all nodes by the list itself, so a gate with one sends no
// entries by Share. Options.LongestToken must be set, because the list outlives the process and
// with it what the gate has seen.
type SharedDenylist interface {
	Denylist
	// Watch makes the list call sweep for each entry that is added after Watch has returned,
	// by this process or another one, when Find finds the entry. The function ends sockets of
	// this process and returns their number. Calls may overlap, and may call Add. There is no
	// way to stop watching: a list keeps its gates.
	Watch(sweep func(context.Context, Revocation) (sockets int, err error))
	// Spread does what Add does. It returns when the entry is durable and the functions of
	// Watch have returned in this process, and then waits for other nodes, at most so long. If
	// the entry cannot be made durable, the functions of Watch are called nevertheless.
	Spread(ctx context.Context, r Revocation, wait time.Duration) (Receipt, error)
}

// A Receipt says where the sockets that a revocation concerns have ended.
type Receipt struct {
	// Sockets is the number of sockets of this node that were ended. With a SharedDenylist it
	// includes those of all gates of this process that have the list.
	Sockets int
	// Confirmed are the other nodes that have refused such tokens and ended their sockets, in
	// the order of their names. It is nil unless RevokeOptions.Wait is set and the list is a
	// SharedDenylist.
	Confirmed []Confirmation
	// Missing are the names of the other nodes that have not said so in time. They carry out the
	// revocation when they can read the list again. Nodes that have been silent for some minutes
	// are not named.
	Missing []string
}

// A Confirmation says what another node has done.
type Confirmation struct {
	Node    string
	Sockets int // that were ended there
}

// sharedList returns the denylist if it is shared by the nodes, and otherwise nil.
func (g *Gate) sharedList() SharedDenylist {
	shared, _ := g.opts.Denylist.(SharedDenylist)
	return shared
}

// watch makes a shared list end sockets of this gate.
func (g *Gate) watch() {
	if shared := g.sharedList(); shared != nil {
		shared.Watch(g.endSocketsForList)
	}
}

// endSocketsForList ends the sockets that an entry of a shared list concerns.
func (g *Gate) endSocketsForList(ctx context.Context, r Revocation) (ended int, err error) {
	ended, err = g.endSockets(ctx, r)
	if ended > 0 || err != nil {
		g.audit(ctx, "auth: sockets revoked", err, append(r.attrs(), slog.Int("sockets", ended))...)
	}
	return ended, err
}

// revokeBySharedList carries out a revocation by a shared list. It sweeps this gate itself only if the list
// could not be called.
func (g *Gate) revokeBySharedList(ctx context.Context, shared SharedDenylist, r Revocation, wait time.Duration) (receipt Receipt, err error) {
	if panicked := g.guard(ctx, "Denylist.Spread", func() { receipt, err = shared.Spread(ctx, r, wait) }); panicked != nil {
		ended, swept := g.endSockets(ctx, r)
		return Receipt{Sockets: ended}, errors.Join(notStored(panicked), swept)
	}
	if err != nil {
		err = notStored(err)
	}
	return receipt, err
}
