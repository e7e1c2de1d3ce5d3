package auth

import (
	"hash/maphash"
	"iter"
	"math/rand/v2"
	"sync"

	"socketiojwt/token"
)

// registryShards is the number of parts of a registry. See ADR 31 for the measurements.
const registryShards = 16

// A registry is a gate's index of sockets and of the tokens that they show or were
// admitted with. An entry is in one shard for its life, in all tables of that shard at
// once. A lookup asks every shard.
//
// Lock order: an admission's mu, then a shard's. No user code runs under a shard's lock.
type registry struct {
	seed   maphash.Seed
	shards []shard
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
	links     [kinds]link // used while lease is set
}

// kind is what a table of the index is keyed by.
type kind uint8

const (
	bySubject kind = iota // and issuer
	byTokenID             // and issuer
	bySession             // and issuer
	byHash
	kinds
)

// A link is an entry's place among the entries of its shard that have the same key.
// Entries are named by their slot plus one; zero means none. The numbers are half the
// size of pointers, and the garbage collector does not follow them.
type link struct{ key, previous, next uint32 }

// A shard is a part of a registry.
type shard struct {
	mu     sync.Mutex
	slots  []*entry // nil: free
	free   []uint32 // slots
	tables [kinds]table
	_      [64]byte // shards are not in one cache line
}

// A table finds the first entry for a key. Entries with different values may share a key,
// which is a hash of 32 bits, so a lookup must compare the values too.
type table struct {
	heads map[uint32]uint32
	most  int // keys since heads was made
}

func newRegistry(shards int) *registry {
	return &registry{seed: maphash.MakeSeed(), shards: make([]shard, shards)}
}

// add puts the entry of a socket into the index.
func (r *registry) add(e *entry) {
	e.shard = uint8(rand.IntN(len(r.shards)))
	r.place(e)
}

// addBeside puts a candidate into the index, in the shard of the socket's entry.
func (r *registry) addBeside(e, candidate *entry) {
	candidate.shard = e.shard
	r.place(candidate)
}

// place gives an entry a slot of its shard.
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

// name makes an entry known by the token of its lease.
func (r *registry) name(e *entry, lease *Lease) {
	keys := r.keys(lease.Token)
	s := &r.shards[e.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	e.lease = lease
	for k, key := range keys {
		if key != 0 {
			s.link(e, kind(k), key)
		}
	}
}

// unname takes back name.
func (r *registry) unname(e *entry) {
	s := &r.shards[e.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unname(e)
}

// remove takes an entry out of the index.
func (r *registry) remove(e *entry) {
	s := &r.shards[e.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(e)
}

// promote gives the token of a candidate to the socket's entry, in one step: a lookup finds
// one of the two.
func (r *registry) promote(e, candidate *entry) {
	s := &r.shards[e.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
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

// find returns the entries that may match: those with the key of m. The caller compares the
// tokens, under the lock of the admission and not under that of a shard, which is held for
// as short as possible.
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

// all returns the entries. One that is in the index from the beginning of the iteration to
// its end is yielded once, and none is yielded twice: an entry keeps its slot.
func (r *registry) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		var batch [64]*entry
		for i := range r.shards {
			s := &r.shards[i]
			for slot, end := 0, s.size(); slot < end; slot += len(batch) {
				for _, e := range batch[:s.copy(batch[:], slot)] {
					if !yield(e) {
						return
					}
				}
			}
		}
	}
}

// size returns how many slots there are.
func (s *shard) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.slots)
}

// copy writes the entries of the slots from slot on to batch, at most len(batch) slots,
// and returns how many there are.
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

// remove takes an entry out of the shard. The caller holds mu.
func (s *shard) remove(e *entry) {
	s.unname(e)
	s.slots[e.slot] = nil
	s.free = append(s.free, e.slot)
	if len(s.free) == len(s.slots) { // an empty shard keeps no memory
		s.slots, s.free = nil, nil
	}
}

// link puts an entry before the others with its key. The caller holds mu.
func (s *shard) link(e *entry, k kind, key uint32) {
	t := &s.tables[k]
	next := t.heads[key]
	e.links[k] = link{key: key, next: next}
	if next != 0 {
		s.slots[next-1].links[k].previous = e.slot + 1
	}
	t.set(key, e.slot+1)
}

// unname takes an entry out of every table. The caller holds mu.
func (s *shard) unname(e *entry) {
	for k := range kinds {
		if l := &e.links[k]; l.key != 0 {
			s.unlink(k, *l)
			*l = link{}
		}
	}
	e.lease = nil
}

// unlink takes a link from between its neighbors. The caller holds mu.
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

// set makes at the first entry for a key; zero means that there is none any more.
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

// shrink gives memory back, because a map never does: it makes the map anew when three
// quarters of the keys have gone.
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

// keys returns the keys of a token, zero for what it has not.
func (r *registry) keys(t *token.Token) (keys [kinds]uint32) {
	for k, m := range [...]Match{BySubject(t.Issuer, t.Subject), ByTokenID(t.Issuer, t.ID), BySession(t.Issuer, t.SessionID), ByHash(t.Hash)} {
		if m.value != "" {
			keys[k] = r.key(m)
		}
	}
	return keys
}

// key returns what a table is keyed by, which is never zero. It depends on a random seed,
// so issuers and peers cannot choose tokens that have one key.
func (r *registry) key(m Match) uint32 {
	key := maphash.String(r.seed, m.issuer)*0x9e3779b97f4a7c15 + maphash.String(r.seed, m.value)
	return max(uint32(key>>32), 1)
}
