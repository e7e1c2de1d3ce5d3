package auth

import (
	"crypto/sha256"
	"iter"
	"slices"
	"time"

	"socketiojwt/internal/wallclock"
)

// A LeaseInfo describes a socket of a gate for operators: its token, if one is known, and
// how far it has come. It does not hold the token and its other claims. For peers of
// Engine.IO 3 the socket ID is a secret; see socketio.Socket.ID.
type LeaseInfo struct {
	// ID names the socket for Gate.Lease and Gate.Disconnect. It does not reveal the socket
	// ID, is not a credential, and stays the same until the socket has ended. IDs sort in the
	// order in which Leases lists sockets.
	ID        string
	SocketID  string
	Namespace string
	// LoggedAs is how the log names the socket, without a secret.
	LoggedAs   string
	RemoteAddr string // socketio.Handshake.RemoteAddr
	State      LeaseState

	// These are the claims of the token. All are empty while no token is known, and each
	// is empty if the token does not have the claim.
	Issuer    string // iss
	Subject   string // sub
	TokenID   string // jti
	SessionID string // sid

	// TokenHash is token.Token.Hash. It is zero while no token is known.
	TokenHash [sha256.Size]byte

	// Since is when the token was verified or, while no token is known, when the socket came
	// to the gate. It is a time of the server's clock.
	Since time.Time
	// Until is when the lease ends or, before the socket is admitted, would end. Zero means
	// that no token is known, or that the token does not expire.
	Until time.Time
}

// A LeaseState is the state of a socket, or of a token that it shows.
type LeaseState string

// The states of a lease.
const (
	// LeaseHeld is a socket in event mode that has not shown a token that is accepted.
	LeaseHeld LeaseState = "held"
	// LeaseExamining is a socket whose token is being verified, or for which Authorize runs.
	// The claims are known once the signature was found valid. An admitted socket that shows
	// another token is listed a second time until that token is examined.
	LeaseExamining LeaseState = "examining"
	// LeaseGuest is a socket that the gate admitted without a token.
	LeaseGuest LeaseState = "guest"
	// LeaseRunning is a socket that the gate admitted with a token. A connect middleware
	// after the gate may still refuse it.
	LeaseRunning LeaseState = "running"
	// LeaseEnding is a socket that was refused or whose lease has ended, and that has not
	// ended yet because its peer is given time to receive the reason, or that becomes a guest
	// when its handlers have returned.
	LeaseEnding LeaseState = "ending"
)

// Leases lists the sockets of the gate in all its namespaces: those that it admitted,
// including guests, those that it examines or holds, and those that it has refused and that
// have not ended yet. HTTP requests are not listed.
//
// A token is listed, and found by LeasesOf, as soon as its signature was found valid. That is
// before Authorize runs and before the socket is admitted. It is listed until it is refused
// or its socket has ended. A socket is listed until it has ended.
//
// The list is not a snapshot. A socket that exists during the whole iteration is listed. It
// is listed twice only if it shows another token while it is admitted. A socket that comes or
// goes during the iteration may be missing, and a listed socket may have ended. No lock is
// held while the caller's code runs, so that code may be slow and may end sockets. Leases may
// be called concurrently.
func (g *Gate) Leases() iter.Seq[LeaseInfo] { return g.LeasesAfter("") }

// LeasesAfter lists what Leases does, but only sockets after the one with this LeaseInfo.ID,
// which may have ended. Sockets keep their order, so an iteration can be resumed. An empty ID
// means all sockets; any other text that is not an ID means none.
func (g *Gate) LeasesAfter(id string) iter.Seq[LeaseInfo] {
	return func(yield func(LeaseInfo) bool) {
		first, ok := startAfter(id)
		if !ok {
			return
		}
		for e := range g.leases.all(first) {
			if info, ok := e.describe(nil); ok && !yield(info) {
				return
			}
		}
	}
}

// LeasesOf lists what Leases does, but only sockets with a token that m matches. Its cost
// does not depend on the number of other sockets, except that ByIssuer and ByClaim look at
// all of them. It may be called concurrently.
func (g *Gate) LeasesOf(m Match) iter.Seq[LeaseInfo] {
	return func(yield func(LeaseInfo) bool) {
		for e := range g.leases.matching(m) {
			if info, ok := e.describe(&m); ok && !yield(info) {
				return
			}
		}
	}
}

// matching returns the entries that may match, as find does, or all entries if there is no
// table for m.
func (r *registry) matching(m Match) iter.Seq[*entry] {
	if m.kind > kinds && m.value != "" {
		return r.all(place{})
	}
	return slices.Values(r.find(m))
}

// sweeping returns the entries that matching returns, and some twice, for a search that must miss
// no token that is in the index from its beginning on. An iteration over all entries can miss one
// that moves from a candidate to the entry of its socket, because it may be past that entry. The
// second iteration finds it there.
func (r *registry) sweeping(m Match) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		before := r.promotions.Load()
		for e := range r.matching(m) {
			if !yield(e) {
				return
			}
		}
		if m.kind <= kinds || r.promotions.Load() == before {
			return
		}
		for e := range r.matching(m) {
			if !yield(e) {
				return
			}
		}
	}
}

// describe returns the LeaseInfo of an entry. It reports false if the entry was removed from
// the index, or if only is not nil and does not match its token any more.
func (e *entry) describe(only *Match) (LeaseInfo, bool) {
	a := e.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	if e = e.present(); e == nil {
		return LeaseInfo{}, false
	}
	if only != nil && (e.lease == nil || !only.Matches(e.lease.Token)) {
		return LeaseInfo{}, false
	}
	info := LeaseInfo{
		ID:       a.gate.leases.id(a.entry).String(),
		SocketID: a.socket.ID(), Namespace: a.socket.Namespace().Name(), State: a.stateOf(e),
		LoggedAs: a.socket.String(), RemoteAddr: a.socket.Handshake().RemoteAddr,
		Since: time.Unix(0, e.since),
	}
	if e.lease != nil {
		t := e.lease.Token
		info.Issuer, info.Subject, info.TokenID, info.SessionID, info.TokenHash = t.Issuer, t.Subject, t.ID, t.SessionID, t.Hash
		info.Until = e.lease.Until
	}
	return info, true
}

// present returns the entry that now has the token of e. If e was a candidate and was promoted,
// that is the entry of its socket, and otherwise e itself. It returns nil if e was removed from
// the index. The caller holds the mu of the admission.
func (e *entry) present() *entry {
	a := e.admission
	if e.promoted {
		e = a.entry
	}
	if e != a.entry && e != a.candidate {
		return nil
	}
	return e
}

// stateOf returns the state of one of the admission's entries. The caller holds mu.
func (a *admission) stateOf(e *entry) LeaseState {
	switch {
	case a.stage == over, a.stage == fading:
		return LeaseEnding
	case e == a.candidate, a.stage == outside && a.examining:
		return LeaseExamining
	case a.stage == outside:
		return LeaseHeld
	case a.stage == guest:
		return LeaseGuest
	}
	return LeaseRunning
}

// enlist adds the socket to the index. The caller holds mu.
func (a *admission) enlist(since time.Time) {
	a.entry = &entry{admission: a, since: wallclock.Nanos(since)}
	a.gate.leases.add(a.entry)
}

// enter adds a token whose signature was found valid to the index. It runs before Authorize
// and before the admission, so that a revocation finds the token from then on. A list of
// revoked tokens must be asked after enter: a token that is revoked at the same time is then
// found in that list or in the index.
func (a *admission) enter(lease *Lease) {
	if a == nil { // an HTTP request
		return
	}
	since := wallclock.Nanos(a.now())
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.stage {
	case outside:
		a.entry.since = since
		a.gate.leases.name(a.entry, lease)
	case guest, leased:
		a.spoiled = nil
		a.candidate = &entry{admission: a, since: since}
		a.gate.leases.addBeside(a.entry, a.candidate)
		a.gate.leases.name(a.candidate, lease)
	}
}

// withdraw removes a token that was examined, but not admitted, from the index.
func (a *admission) withdraw() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.withdrawing()
}

// withdrawing is withdraw for a caller that holds mu.
func (a *admission) withdrawing() {
	switch {
	case a.candidate != nil:
		a.gate.leases.remove(a.candidate)
		a.candidate = nil
	case a.entry != nil && a.stage != leased:
		a.gate.leases.unname(a.entry)
	}
}

// promote makes the candidate's token the token of the socket. The caller holds mu.
func (a *admission) promote() {
	if a.candidate != nil {
		a.gate.leases.promote(a.entry, a.candidate)
		a.entry.since = a.candidate.since
		a.candidate.promoted = true
		a.candidate = nil
	}
}

// delist removes the socket and its tokens from the index. The caller holds mu.
func (a *admission) delist() {
	for _, e := range []*entry{a.entry, a.candidate} {
		if e != nil {
			a.gate.leases.remove(e)
		}
	}
	a.entry, a.candidate = nil, nil
}
