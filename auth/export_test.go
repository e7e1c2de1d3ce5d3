package auth

import (
	"sync"
	"time"

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

// MostVisited returns how many entries of a denylist are visited while it is locked, and how many in all.
func MostVisited(d *MemoryDenylist) (most, all int) {
	c := &visits{Locker: &d.mu}
	d.visit(c, func(*denylistEntry) {
		c.held++
		most, all = max(most, c.held), all+1
	})
	return most, all
}

// visits counts visits since the lock was taken.
type visits struct {
	sync.Locker
	held int
}

// Unlock also begins to count anew.
func (c *visits) Unlock() {
	c.held = 0
	c.Locker.Unlock()
}

// MakeRoom removes entries for a new one, as many as are removed while the denylist is locked. It reports whether it must be
// called again.
func MakeRoom(d *MemoryDenylist, m Match, now time.Time) (more bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.makeRoom(m, now)
}
