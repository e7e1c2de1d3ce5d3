package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"time"

	"socketiojwt/internal/alarm"
	"socketiojwt/internal/mac"
	"socketiojwt/internal/wallclock"
)

// A ticket's text is made of the node that has made it, 256 random bits, and a code by which
// the nodes of a cluster recognize their tickets. The code is not what makes a ticket good: it
// saves other nodes from questions about text that any peer can invent.
const (
	ticketNode   = 8 // bytes
	ticketRandom = 32
	ticketCode   = 16
)

type ticketID [ticketNode + ticketRandom + ticketCode]byte

type digest = [sha256.Size]byte

func (id ticketID) node() [ticketNode]byte { return [ticketNode]byte(id[:ticketNode]) }

func (id ticketID) hash() digest { return sha256.Sum256(id[:]) }

// A ticket admits one socket with the token and the end of a lease.
type ticket struct {
	lease     *Lease
	namespace string
	origin    string // empty means any

	hash     digest
	holder   string
	made     time.Time
	lifetime time.Duration
	entry    alarm.Entry
}

// expired reports whether a ticket can no longer be used. Neither a clock that is set back nor
// a suspended machine prolongs it.
func (t *ticket) expired(now time.Time) bool {
	return now.Sub(t.made) >= t.lifetime || now.Round(0).Sub(t.made.Round(0)) >= t.lifetime
}

// tickets are the tickets that a gate has made and that were not used.
type tickets struct {
	node  [ticketNode]byte      // random
	queue *alarm.Queue[*ticket] // removes tickets that have expired

	mu    sync.Mutex // guards the fields below
	key   *mac.Key   // of the codes
	kept  map[digest]*ticket
	of    map[string][]*ticket // by holder; the oldest is first
	share *ticketShare         // nil unless Share was called
}

func newTickets() *tickets {
	t := &tickets{kept: make(map[digest]*ticket), of: make(map[string][]*ticket)}
	t.queue = alarm.New(func() int64 { return wallclock.Nanos(time.Now()) }, wallclock.LongestSleep,
		func(made *ticket) *alarm.Entry { return &made.entry }, func(made *ticket) { t.take(made.hash) })
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	_, _ = rand.Read(t.node[:])
	t.key = mac.New(key[:])
	return t
}

// add keeps a ticket, and returns its text.
func (ts *tickets) add(made ticket, lifetime time.Duration) (string, error) {
	from := made.lease
	made.lease = &Lease{Token: from.Token, Until: from.Until, Encoded: from.Encoded} // without the user
	made.made, made.lifetime = time.Now(), lifetime
	made.holder = holderOf(from)
	var id ticketID
	copy(id[:], ts.node[:])
	_, _ = rand.Read(id[ticketNode : ticketNode+ticketRandom]) // never fails
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.kept) >= mostTickets {
		return "", ErrTooManyTickets
	}
	code := ts.key.Sum(id[:ticketNode+ticketRandom], "")
	copy(id[ticketNode+ticketRandom:], code[:])
	if of := ts.of[made.holder]; len(of) >= mostTicketsOfHolder {
		ts.remove(of[0])
	}
	made.hash = id.hash()
	ts.queue.Set(&made, wallclock.Nanos(made.made.Add(lifetime)), lifetime)
	ts.kept[made.hash] = &made
	ts.of[made.holder] = append(ts.of[made.holder], &made)
	return base64.RawURLEncoding.EncodeToString(id[:]), nil
}

// read returns the ID in the text of a ticket. It reports false if no node of the cluster has
// made it.
func (ts *tickets) read(text string) (id ticketID, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(len(id)) {
		return id, false
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(text)); err != nil || n != len(id) {
		return id, false
	}
	ts.mu.Lock()
	key := ts.key
	ts.mu.Unlock()
	code := key.Sum(id[:ticketNode+ticketRandom], "")
	return id, subtle.ConstantTimeCompare(code[:ticketCode], id[ticketNode+ticketRandom:]) == 1
}

// take removes a ticket, and returns it unless it has expired. It returns nil if there is
// none. Of several calls, one gets the ticket.
func (ts *tickets) take(hash digest) *ticket {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.kept[hash]
	if t == nil {
		return nil
	}
	ts.remove(t)
	if t.expired(time.Now()) {
		return nil
	}
	return t
}

// remove removes a ticket. The caller holds mu.
func (ts *tickets) remove(t *ticket) {
	ts.queue.Remove(t)
	delete(ts.kept, t.hash)
	rest := slices.DeleteFunc(ts.of[t.holder], func(other *ticket) bool { return other == t })
	if len(rest) == 0 {
		delete(ts.of, t.holder)
		return
	}
	ts.of[t.holder] = rest
}

// holderOf returns a name for the user of a lease, or for its token if that has no subject.
func holderOf(l *Lease) string {
	if l.Token.Subject == "" {
		return string(l.Token.Hash[:])
	}
	return fmt.Sprintf("%d %s%s", len(l.Token.Issuer), l.Token.Issuer, l.Token.Subject)
}
