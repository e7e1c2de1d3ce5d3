package auth

import (
	"sync/atomic"
	"time"

	"socketiojwt/internal/tally"
)

// Stats are the figures of a Gate at one time. Fields without another unit count sockets.
// Counters never fall: they begin at zero with the gate.
type Stats struct {
	// Held are the sockets that are held now until they show a token;
	// EventOptions.MaxHeld bounds them. Leased are those that were admitted with a token, and Guests those that
	// were admitted without one.
	Held, Leased, Guests int
	// Outage is when the present outage began, in which sockets are refused temporarily.
	// The zero time means that there is none.
	Outage time.Time

	// Admissions counts the sockets that were admitted with a token, guests that logged in
	// among them, and GuestAdmissions those that were admitted without one. A connect
	// middleware after the gate may still have refused them.
	Admissions, GuestAdmissions uint64
	// Expired counts the sockets that ended because their lease did.
	Expired uint64
	// Verified counts the tokens that were verified and found good, those of HTTP requests
	// and of sockets that have a lease among them. Authorize may still have refused their
	// bearers.
	Verified uint64
	// Refusals counts the refusals of sockets and of HTTP requests by reason, failed
	// attempts of sockets that may try again among them. If hooks choose more than a few
	// reasons of their own, those beyond 64 are counted as "other". It is a copy.
	Refusals map[Reason]uint64
	// Panics counts the panics of hooks, sources and key functions.
	Panics uint64
}

// figures is what a Gate counts.
type figures struct {
	leased, guests              atomic.Int64
	admissions, guestAdmissions atomic.Uint64
	expired, verified, panics   atomic.Uint64
	refusals                    tally.By[Reason]
}

// Stats returns the figures of the gate. It takes a few locks for a moment each, looks at no
// socket, and is cheap enough for every scrape. Figures that change meanwhile may differ by
// one.
func (g *Gate) Stats() Stats {
	f := &g.figures
	g.held.mu.Lock()
	held := g.held.all
	g.held.mu.Unlock()
	g.outage.mu.Lock()
	outage := g.outage.begun
	g.outage.mu.Unlock()
	return Stats{
		Held: held, Leased: int(f.leased.Load()), Guests: int(f.guests.Load()), Outage: outage,
		Admissions: f.admissions.Load(), GuestAdmissions: f.guestAdmissions.Load(),
		Expired: f.expired.Load(), Verified: f.verified.Load(), Refusals: f.refusals.Counts(), Panics: f.panics.Load(),
	}
}

// count makes the figures count the socket as a guest or as leased, or no longer if as is
// over. The caller holds mu.
func (a *admission) count(as stage) {
	f := &a.gate.figures
	switch a.counted {
	case guest:
		f.guests.Add(-1)
	case leased:
		f.leased.Add(-1)
	}
	switch a.counted = as; as {
	case guest:
		f.guests.Add(1)
		f.guestAdmissions.Add(1)
	case leased:
		f.leased.Add(1)
		f.admissions.Add(1)
	}
}
