package auth

import (
	"errors"
	"sync/atomic"
	"time"

	"socketiojwt/internal/tally"
	"socketiojwt/socketio"
)

// Stats are the figures of a Gate at one time. Fields without another unit count sockets.
// Counters start at zero with the gate and never decrease.
type Stats struct {
	// Held is the number of sockets that are held now, until they show a good token;
	// EventOptions.MaxHeld bounds it. Leased is the number of admitted sockets with a lease,
	// and Guests that of admitted sockets without one.
	Held, Leased, Guests int
	// Outage is when the present outage began. In an outage sockets are refused temporarily.
	// The zero time means that there is no outage.
	Outage time.Time

	// Admissions counts the sockets that were admitted with a token, including guests that
	// logged in. GuestAdmissions counts those that were admitted without one. A connect
	// middleware after the gate may still have refused them.
	Admissions, GuestAdmissions uint64
	// Refreshes counts the leases that were replaced by one for a fresh token. Expired counts
	// the leases that ended because their time was over.
	Refreshes, Expired uint64
	// LeaseEnds counts the leases that ended without being replaced, by cause: the Reason of the
	// gate, such as token_expired or token_revoked, or the socketio.Reason for which the socket
	// ended. If there are more than 64 causes, the others are counted as "other". The map is a
	// copy.
	LeaseEnds map[string]uint64
	// Revoked counts the sockets that ended because their token was revoked or their subject
	// blocked, including those that were not admitted yet.
	Revoked uint64
	// Denied is the number of entries of the denylist, if it has a method Len() int, as a
	// MemoryDenylist does. It may be slow or block only if that method does.
	Denied int
	// Verified counts the tokens that were verified and found good, including those of HTTP
	// requests and of sockets that already have a lease. Authorize may still have refused
	// their bearers.
	Verified uint64
	// Refusals counts the refusals of sockets and of HTTP requests by reason, including
	// failed attempts of sockets that may try again. If there are more than 64 reasons,
	// because hooks choose their own, the others are counted as "other". The map is a copy.
	Refusals map[Reason]uint64
	// Forbidden counts the events that Require refused, by reason, in the same way. Challenges
	// counts the events that waited for a fresher token.
	Forbidden  map[Reason]uint64
	Challenges uint64
	// Panics counts the panics of hooks, sources and key functions.
	Panics uint64
}

// figures is what a Gate counts.
type figures struct {
	leased, guests              atomic.Int64
	admissions, guestAdmissions atomic.Uint64
	refreshes, expired          atomic.Uint64
	verified, panics            atomic.Uint64
	revoked, challenges         atomic.Uint64
	refusals, forbidden         tally.By[Reason]
	leaseEnds                   tally.By[string]
}

// Stats returns the figures of the gate. It takes a few locks for a short time each, and its
// cost does not depend on the number of sockets, so it is cheap enough for every scrape.
// Figures that change at the same time may differ by one. Stats may be called concurrently.
func (g *Gate) Stats() Stats {
	f := &g.figures
	g.held.mu.Lock()
	held := g.held.all
	g.held.mu.Unlock()
	g.outage.mu.Lock()
	outage := g.outage.begun
	g.outage.mu.Unlock()
	denied := 0
	if d, ok := g.opts.Denylist.(interface{ Len() int }); ok {
		denied = d.Len()
	}
	return Stats{
		Revoked: f.revoked.Load(), Denied: denied,
		Held: held, Leased: int(f.leased.Load()), Guests: int(f.guests.Load()), Outage: outage,
		Admissions: f.admissions.Load(), GuestAdmissions: f.guestAdmissions.Load(),
		Refreshes: f.refreshes.Load(), Expired: f.expired.Load(), Verified: f.verified.Load(), Refusals: f.refusals.Counts(), Panics: f.panics.Load(),
		LeaseEnds: f.leaseEnds.Counts(), Forbidden: f.forbidden.Counts(), Challenges: f.challenges.Load(),
	}
}

// endOf returns the cause of the end of a socket, for Stats.LeaseEnds.
func endOf(cause *socketio.DisconnectError) string {
	if e := (*Error)(nil); cause.Err != nil && errors.As(cause.Err, &e) && e != nil {
		return string(e.Reason)
	}
	return string(cause.Reason)
}

// count counts an admission of the socket, as a guest or with a lease. The caller holds mu.
func (a *admission) count(as stage) {
	a.recount(as)
	if as == guest {
		a.gate.figures.guestAdmissions.Add(1)
		return
	}
	a.gate.figures.admissions.Add(1)
}

// recount makes the figures count the socket as a guest or as leased, or, if as is over, not
// any more. The caller holds mu.
func (a *admission) recount(as stage) {
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
	case leased:
		f.leased.Add(1)
		a.gate.recheckLeases()
	}
}
