package auth

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"hash/maphash"

	"socketiojwt/socketio"
)

// leaseID is the ID of a socket in LeaseInfo: the place of its entry in the index, so that a
// lookup does not search, and a hash of the socket ID, because places are used again.
// The hash has a random seed, so the ID does not reveal the socket ID.
type leaseID struct {
	shard uint8
	slot  uint32
	check uint64
}

// leaseIDs is an encoding that keeps the order of what it encodes.
var leaseIDs = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// id returns the ID of a socket's entry. Shard and slot do not change while the entry is in
// the index.
func (r *registry) id(e *entry) leaseID {
	return leaseID{e.shard, e.slot, maphash.String(r.seed, e.admission.socket.ID())}
}

// String returns 21 characters. Strings have the order of the places.
func (id leaseID) String() string {
	b := binary.BigEndian.AppendUint32([]byte{id.shard}, id.slot)
	return leaseIDs.EncodeToString(binary.BigEndian.AppendUint64(b, id.check))
}

// parseLeaseID reads what String returns. It reports false for any other text.
func parseLeaseID(text string) (leaseID, bool) {
	b, err := leaseIDs.DecodeString(text)
	if err != nil || len(b) != 1+4+8 {
		return leaseID{}, false
	}
	id := leaseID{b[0], binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint64(b[5:])}
	return id, id.String() == text
}

// A place is where an entry is in the index. Entries are iterated in the order of their
// places.
type place struct{ shard, slot int }

// startAfter returns the place after that of the socket with this ID, or the first place if
// the ID is empty. It reports false if the text is not an ID.
func startAfter(id string) (place, bool) {
	if id == "" {
		return place{}, true
	}
	parsed, ok := parseLeaseID(id)
	return place{int(parsed.shard), int(parsed.slot) + 1}, ok
}

// withID returns the entry of the socket with this ID, or nil.
func (r *registry) withID(id leaseID) *entry {
	if int(id.shard) >= len(r.shards) {
		return nil
	}
	s := &r.shards[id.shard]
	s.mu.Lock()
	var e *entry
	if int(id.slot) < len(s.slots) {
		e = s.slots[id.slot]
	}
	s.mu.Unlock()
	if e == nil || r.id(e) != id {
		return nil
	}
	return e
}

// withID returns the admission with this LeaseInfo.ID, or nil.
func (g *Gate) withID(id string) *admission {
	parsed, ok := parseLeaseID(id)
	if !ok {
		return nil
	}
	e := g.leases.withID(parsed)
	if e == nil {
		return nil
	}
	return e.admission
}

// Lease returns the LeaseInfo with this ID. It reports false if no socket of the gate has
// the ID, or no longer has it. Its cost does not depend on the number of sockets. It may be
// called concurrently.
func (g *Gate) Lease(id string) (LeaseInfo, bool) {
	a := g.withID(id)
	if a == nil {
		return LeaseInfo{}, false
	}
	a.mu.Lock()
	e := a.entry
	a.mu.Unlock()
	if e == nil {
		return LeaseInfo{}, false
	}
	return e.describe(nil)
}

// Disconnect ends the socket with this LeaseInfo.ID, in whatever state it is, as how says:
// see socketio.Socket.Disconnect. The token stays good, so its bearer may connect again;
// Revoke withdraws it. Disconnect reports false if the gate has no such socket. It may be
// called concurrently.
func (g *Gate) Disconnect(id string, how *socketio.Ending) bool {
	a := g.withID(id)
	if a == nil {
		return false
	}
	a.socket.Disconnect(how)
	return true
}

// AskRefresh asks the peer of the socket with this LeaseInfo.ID to refresh its lease now, by
// the event "token_expiring". Clients that do not know the event ignore it. AskRefresh reports
// false if the gate has no such socket, or if the socket has no lease. It may be called
// concurrently.
func (g *Gate) AskRefresh(id string) bool {
	a := g.withID(id)
	if a == nil {
		return false
	}
	lease := a.current()
	if lease == nil {
		return false
	}
	return a.socket.EmitOnce(eventExpiring, expiringTold{ExpiresIn: untilEnd(lease.due(), a.now()), Now: true}) == nil
}

// Revocations returns the first entries of Options.Denylist with a Revocation.ID greater
// than after, in the order of their IDs, at most so many. It returns an error of the denylist.
// It may be called concurrently.
func (g *Gate) Revocations(ctx context.Context, after string, most int) ([]Revocation, error) {
	return g.opts.Denylist.List(ctx, after, most)
}

// Blocked returns the subject that an entry blocks, as Block does. It reports false for other
// entries.
func (r Revocation) Blocked() (issuer, subject string, ok bool) {
	if !r.IssuedBefore.IsZero() {
		return "", "", false
	}
	return r.Match.Subject()
}
