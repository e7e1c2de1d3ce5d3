package auth

import (
	"socketiojwt/internal/turns"
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

// TurnsOf returns the turns for checks of signatures of a gate.
func TurnsOf(g *Gate) turns.Turns { return g.turns }

// FillIndex adds n leases of different subjects to the index of a gate, without sockets.
func FillIndex(g *Gate, n int) { fill(g.leases, leasesOf(n, 0)) }

// MayRecover reports whether a gate lets a session with this description be recovered.
func MayRecover(g *Gate, described []byte) bool { return (&admission{gate: g}).mayRecover(described) }

// Warn and Expire do what the timers of a lease do for a socket.
func Warn(s *socketio.Socket, lease *Lease) { admissionOf(s).warn(lease) }

// Expire is described with Warn.
func Expire(s *socketio.Socket, lease *Lease) { admissionOf(s).expire(lease) }

func admissionOf(s *socketio.Socket) *admission {
	_, a := admittedBy(s.Context())
	return a
}

// Includes reports whether r concerns every token that other does.
func Includes(r, other Revocation) bool { return r.includes(other) }
