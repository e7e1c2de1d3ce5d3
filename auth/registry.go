package auth

import (
	"hash/maphash"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"socketiojwt/token"
)

// registryShards is the number of parts of a registry. See ADR 31 for the measurements.
const registryShards = 16

// A registry is a gate's index of sockets and of the tokens that they show or were
// admitted with. An entry stays in one shard, and is in all tables of that shard. A lookup
// searches every shard.
//
// Lock order: an admission's mu, then a shard's. No user code runs under a shard's lock.
type registry struct {
	seed       maphash.Seed
	shards     []shard
	promotions atomic.Uint64 // number of calls of promote
}

// An entry is a socket, with its token if one is known. While a socket that is admitted
// shows another token, that token has an entry of its own, the candidate.
type entry struct {
	admission *admission
	lease     *Lease // nil until a token is verified; written under the locks of the admission and of the shard
	since     int64  // by wallclock.Nanos; guarded by the admission's mu
	slot      uint32
	shard     uint8
	promoted  bool        // a candidate whose token is the socket's now; guarded by the admission's mu
	links     [kinds]link // valid while lease is set
}

// A link is an entry's place among the entries of its shard that have the same key.
// It refers to entries by their slot plus one; zero means none. These numbers are half the
// size of pointers, and the garbage collector does not follow them.
type link struct{ key, previous, next uint32 }

// A shard is a part of a registry.
type shard struct {
	mu     sync.Mutex
	slots  []*entry // nil means free
	free   []uint32 // the free slots
	tables [kinds]table
	_      [64]byte // padding, so that two shards do not share a cache line
}

// A table maps a key to its first entry. A key is a hash of 32 bits, so entries with
// different values may share one, and a lookup must compare the values too.
type table struct {
	heads map[uint32]uint32
	most  int // largest number of keys since heads was made
}

func newRegistry(shards int) *registry {
	return &registry{seed: maphash.MakeSeed(), shards: make([]shard, shards)}
}

// add adds the entry of a socket to the index.
func (r *registry) add(e *entry) {
	e.shard = uint8(rand.IntN(len(r.shards)))
	r.place(e)
}

// addBeside adds a candidate to the index, in the shard of the socket's entry.
func (r *registry) addBeside(e, candidate *entry) {
	candidate.shard = e.shard
	r.place(candidate)
}

// place stores an entry in a slot of its shard.
func (r *registry) place(e *entry) {
	s := &r.shards[e.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.free) - 1; last >= 0 {
		e.slot, s.free = s.free[last], s.free[:last]
		s.slots[e.slot] = e
		return
	}
	e.slot = uint32(len(s.slots))
	s.slots = append(s.slots, e)
}

// name sets the lease of an entry, so that find returns the entry for its token.
func (r *registry) name(e *entry, lease *Lease) {
	keys, s := r.keys(lease.Token), &r.shards[e.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	e.lease = lease
	for k, key := range keys {
		if key != 0 {
			s.link(e, kind(k), key)
		}
	}
}

// replace replaces the lease of an entry by another one for the same token. The caller holds the
// admission's mu.
func (r *registry) replace(e *entry, lease *Lease) {
	s := &r.shards[e.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	e.lease = lease
}

// unname takes back name.
func (r *registry) unname(e *entry) {
	s := &r.shards[e.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unname(e)
}

// remove removes an entry from the index.
func (r *registry) remove(e *entry) {
	s := &r.shards[e.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(e)
}

// promote moves the token of a candidate to the socket's entry in one step, so that a lookup
// finds exactly one of the two.
func (r *registry) promote(e, candidate *entry) {
	s := &r.shards[e.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	r.promotions.Add(1)
	s.unname(e)
	lease, links := candidate.lease, candidate.links
	s.remove(candidate)
	e.lease = lease
	for k := range kinds {
		if key := links[k].key; key != 0 {
			s.link(e, k, key)
		}
	}
}

// find returns the entries that may match: those with the key of m. The caller must compare
// the tokens, under the lock of the admission. find does not, so that it holds the lock of a
// shard as briefly as possible.
func (r *registry) find(m Match) []*entry {
	if m.value == "" {
		return nil
	}
	var found []*entry
	key := r.key(m)
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for at := s.tables[m.kind].heads[key]; at != 0; {
			e := s.slots[at-1]
			found = append(found, e)
			at = e.links[m.kind].next
		}
		s.mu.Unlock()
	}
	return found
}

// all returns the entries from a place on, in the order of their places. An entry that is in
// the index during the whole iteration is yielded once, and no entry is yielded twice, because
// an entry keeps its place.
func (r *registry) all(from place) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		var batch [64]*entry
		first := from.slot
		for i := from.shard; i < len(r.shards); i, first = i+1, 0 {
			s := &r.shards[i]
			for slot, end := first, s.size(); slot < end; slot += len(batch) {
				for _, e := range batch[:s.copy(batch[:], slot)] {
					if !yield(e) {
						return
					}
				}
			}
		}
	}
}

// size returns the number of slots, including free ones.
func (s *shard) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.slots)
}

// copy copies the entries of at most len(batch) slots, from slot on, to batch. It returns
// their number.
func (s *shard) copy(batch []*entry, slot int) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.slots[min(slot, len(s.slots)):min(slot+len(batch), len(s.slots))] {
		if e != nil {
			batch[n] = e
			n++
		}
	}
	return n
}

// remove removes an entry from the shard. The caller holds mu.
func (s *shard) remove(e *entry) {
	s.unname(e)
	s.slots[e.slot] = nil
	s.free = append(s.free, e.slot)
	if len(s.free) == len(s.slots) { // an empty shard keeps no memory
		s.slots, s.free = nil, nil
	}
}

// link inserts an entry before the others with its key. The caller holds mu.
func (s *shard) link(e *entry, k kind, key uint32) {
	t := &s.tables[k]
	next := t.heads[key]
	e.links[k] = link{key: key, next: next}
	if next != 0 {
		s.slots[next-1].links[k].previous = e.slot + 1
	}
	t.set(key, e.slot+1)
}

// unname removes an entry from every table. The caller holds mu.
func (s *shard) unname(e *entry) {
	for k := range kinds {
		if l := &e.links[k]; l.key != 0 {
			s.unlink(k, *l)
			*l = link{}
		}
	}
	e.lease = nil
}

// unlink removes a link from between its neighbors. The caller holds mu.
func (s *shard) unlink(k kind, l link) {
	if l.next != 0 {
		s.slots[l.next-1].links[k].previous = l.previous
	}
	if l.previous != 0 {
		s.slots[l.previous-1].links[k].next = l.next
		return
	}
	s.tables[k].set(l.key, l.next)
}

// set makes at the first entry for a key. Zero removes the key.
func (t *table) set(key, at uint32) {
	if at != 0 {
		if t.heads == nil {
			t.heads = make(map[uint32]uint32)
		}
		t.heads[key] = at
		t.most = max(t.most, len(t.heads))
		return
	}
	delete(t.heads, key)
	t.shrink()
}

// smallTable is the number of keys up to which a table keeps its memory.
const smallTable = 64

// shrink replaces the map by a smaller one when three quarters of the keys are removed,
// because a map never gives memory back.
func (t *table) shrink() {
	n := len(t.heads)
	switch {
	case n == 0:
		t.heads, t.most = nil, 0
	case t.most > smallTable && n <= t.most/4:
		heads := make(map[uint32]uint32, n)
		for key, at := range t.heads {
			heads[key] = at
		}
		t.heads, t.most = heads, n
	}
}

// keys returns the keys of a token, with zero for each value that the token does not have.
func (r *registry) keys(t *token.Token) (keys [kinds]uint32) {
	for k, m := range [...]Match{BySubject(t.Issuer, t.Subject), ByTokenID(t.Issuer, t.ID), BySession(t.Issuer, t.SessionID), ByHash(t.Hash)} {
		if m.value != "" {
			keys[k] = r.key(m)
		}
	}
	return keys
}

// key returns the key of m in a table. It is never zero. It depends on a random seed, so
// issuers and peers cannot choose tokens that share a key.
func (r *registry) key(m Match) uint32 {
	return max(uint32((maphash.String(r.seed, m.issuer)*0x9e3779b97f4a7c15+maphash.String(r.seed, m.value))>>32), 1)
}
