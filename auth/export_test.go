package auth

import (
	"context"

	"socketiojwt/socketio"
)

// IndexLeft returns an error if the index of a gate still keeps anything.
func IndexLeft(g *Gate) error { return g.leases.empty() }

// SeparateSources makes a gate sample the refusals of each address in a slot of its own. With
// a random hash, two of them share a slot by chance. No peer may have been refused yet.
func SeparateSources(g *Gate, remotes ...string) {
	for range 100 {
		g.sampler = newRefusalSampler()
		slots := make(map[*refusalSlot]bool)
		for _, remote := range remotes {
			slots[g.sampler.slot(sampledBy(remote, &Error{}))] = true
		}
		if len(slots) == len(remotes) {
			return
		}
	}
}

// Refresh gives a socket of the gate another lease, as a refresh does, and returns the rooms
// that it joined and left.
func Refresh(ctx context.Context, g *Gate, s *socketio.Socket, compact string) (joined, left []string) {
	for e := range g.leases.all(place{}) {
		a := e.admission
		if a.socket != s {
			continue
		}
		lease, refused := g.examine(ctx, a, s.Handshake(), &socketio.Handshake{Auth: []byte(`{"token":"` + compact + `"}`)})
		if refused != nil {
			panic(refused)
		}
		before := Current(s)
		a.mu.Lock()
		a.promote()
		s.SetContextValue(leaseKey{}, a.carried(lease))
		joined, left = a.rooms(before, lease)
		a.mu.Unlock()
		a.refreshed()
		return joined, left
	}
	panic("no such socket")
}
