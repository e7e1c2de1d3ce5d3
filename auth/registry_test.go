package auth

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"socketiojwt/token"
)

// leaseFor makes a lease without a socket. Tokens with the same n differ only in
// the hash.
func leaseFor(n int, hash string) *Lease {
	t := &token.Token{Issuer: "https://issuer", Subject: fmt.Sprint("subject ", n), ID: fmt.Sprint("id ", n), SessionID: fmt.Sprint("session ", n)}
	t.Hash = sha256.Sum256([]byte(hash))
	return &Lease{Token: t}
}

func matchesOf(t *token.Token) []Match {
	return []Match{BySubject(t.Issuer, t.Subject), ByTokenID(t.Issuer, t.ID), BySession(t.Issuer, t.SessionID), ByHash(t.Hash)}
}

// lookup returns the entries that match.
func (r *registry) lookup(m Match) []*entry {
	return slices.DeleteFunc(r.find(m), func(e *entry) bool { return !m.matches(e.lease.Token) })
}

// check compares the index with the entries that must be in it.
func (r *registry) check(t *testing.T, want map[*entry]bool) {
	t.Helper()
	got := map[*entry]int{}
	for e := range r.all(place{}) {
		got[e]++
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	matching := map[Match]map[*entry]bool{}
	for e := range want {
		if got[e] != 1 {
			t.Fatalf("an entry is there %d times", got[e])
		}
		if e.lease == nil {
			continue
		}
		for _, m := range matchesOf(e.lease.Token) {
			if matching[m] == nil {
				matching[m] = map[*entry]bool{}
			}
			matching[m][e] = true
		}
	}
	for m, want := range matching {
		found := r.lookup(m)
		if len(found) != len(want) {
			t.Fatalf("%d entries for %+v, want %d", len(found), m, len(want))
		}
		for _, e := range found {
			if !want[e] {
				t.Fatalf("a wrong entry for %+v", m)
			}
		}
	}
}

// empty reports what is left in the index.
func (r *registry) empty() error {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.slots != nil || s.free != nil {
			return fmt.Errorf("shard %d has %d slots, %d of them free", i, len(s.slots), len(s.free))
		}
		for k := range s.tables {
			if heads := s.tables[k].heads; heads != nil {
				return fmt.Errorf("table %d of shard %d has %d keys", k, i, len(heads))
			}
		}
	}
	return nil
}

// In random order, entries are added, named, promoted, unnamed and removed. After each step
// the index matches a plain set of them. At the end it keeps no memory.
func TestRegistryMatchesASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	r := newRegistry(3)
	in := map[*entry]bool{}
	pick := func() *entry {
		all := slices.SortedFunc(maps.Keys(in), func(a, b *entry) int { return int(a.since - b.since) })
		return all[random.IntN(len(all))]
	}
	for step := range 20_000 {
		lease := leaseFor(random.IntN(5), fmt.Sprint(random.IntN(20)))
		switch random.IntN(6) {
		case 0:
			e := &entry{since: int64(step)}
			r.add(e)
			in[e] = true
		case 1:
			if len(in) > 0 && len(in) < 100 {
				if e := pick(); e.lease == nil {
					r.name(e, lease)
				}
			}
		case 2:
			if len(in) > 0 {
				r.unname(pick())
			}
		case 3:
			if len(in) > 0 {
				e, candidate := pick(), &entry{since: int64(step)}
				r.addBeside(e, candidate)
				r.name(candidate, lease)
				in[candidate] = true
				r.check(t, in)
				r.promote(e, candidate)
				delete(in, candidate)
				if e.lease != lease {
					t.Fatal("the candidate's lease was not promoted")
				}
			}
		default:
			if len(in) > 50 || random.IntN(2) == 0 && len(in) > 0 {
				e := pick()
				r.remove(e)
				delete(in, e)
			}
		}
		if step%10 == 0 {
			r.check(t, in)
		}
	}
	for e := range in {
		r.remove(e)
	}
	if err := r.empty(); err != nil {
		t.Error(err)
	}
}

// A lookup tells values apart that share a key.
func TestRegistryTellsValuesOfOneKeyApart(t *testing.T) {
	r := newRegistry(1)
	seen := map[uint32]string{}
	for i := 0; i < 2_000_000; i++ {
		subject := fmt.Sprint(i)
		other, ok := seen[r.key(BySubject("", subject))]
		if !ok {
			seen[r.key(BySubject("", subject))] = subject
			continue
		}
		first, second := &entry{}, &entry{}
		for e, name := range map[*entry]string{first: subject, second: other} {
			r.add(e)
			r.name(e, &Lease{Token: &token.Token{Subject: name}})
		}
		if found := r.lookup(BySubject("", subject)); len(found) != 1 || found[0] != first {
			t.Errorf("found %v", found)
		}
		r.remove(second)
		if found := r.lookup(BySubject("", subject)); len(found) != 1 || found[0] != first {
			t.Errorf("found %v after the other has gone", found)
		}
		return
	}
	t.Error("no two subjects have one key")
}

// A value matches only with its issuer and its claim. Empty values match nothing.
func TestRegistryMatchesExactly(t *testing.T) {
	r := newRegistry(1)
	full, bare := &entry{}, &entry{}
	r.add(full)
	r.add(bare)
	r.name(full, leaseFor(1, "x"))
	r.name(bare, &Lease{Token: &token.Token{}})
	subject := full.lease.Token.Subject
	for _, m := range []Match{
		{}, BySubject("", subject), BySubject("https://other", subject), BySubject("https://issuer", ""), BySubject("", ""),
		ByTokenID("https://issuer", subject), BySession("https://issuer", subject), BySubject("https://issuer"+subject[:1], subject[1:]),
		ByTokenID("", ""), BySession("", ""), ByHash([sha256.Size]byte{}), ByHash(sha256.Sum256([]byte("y"))),
	} {
		if found := r.lookup(m); found != nil {
			t.Errorf("%+v matches", m)
		}
	}
	for _, m := range matchesOf(full.lease.Token) {
		if found := r.lookup(m); len(found) != 1 || found[0] != full {
			t.Errorf("%+v matches %d", m, len(found))
		}
	}
}

// While entries are added and removed, an iteration and a lookup find the entries that stay,
// and an iteration yields each of them once.
func TestRegistryIsIteratedWhileItChanges(t *testing.T) {
	r := newRegistry(2)
	stay := map[*entry]bool{}
	for i := range 500 {
		e := &entry{}
		r.add(e)
		if r.name(e, leaseFor(0, fmt.Sprint(i))); i%2 == 0 {
			stay[e] = true
		} else {
			defer r.remove(e)
		}
	}
	var stop atomic.Bool
	var changing sync.WaitGroup
	for range 2 {
		changing.Go(func() {
			for !stop.Load() {
				var mine []*entry
				for i := range 100 {
					e := &entry{}
					r.add(e)
					r.name(e, leaseFor(i%2, "mine"))
					mine = append(mine, e)
				}
				for _, e := range mine {
					candidate := &entry{}
					r.addBeside(e, candidate)
					r.name(candidate, leaseFor(0, "candidate"))
					r.promote(e, candidate)
				}
				for _, e := range mine {
					r.remove(e)
				}
			}
		})
	}
	for range 200 {
		seen := map[*entry]int{}
		for e := range r.all(place{}) {
			seen[e]++
		}
		found := map[*entry]int{}
		for _, e := range r.find(BySubject("https://issuer", "subject 0")) {
			found[e]++
		}
		for e := range stay {
			if seen[e] != 1 || found[e] != 1 {
				t.Fatalf("an entry that stays was seen %d times and found %d times", seen[e], found[e])
			}
		}
	}
	stop.Store(true)
	changing.Wait()
}

// A token that moves from a candidate to the socket's entry is found at every moment.
func TestRegistryPromotesInOneStep(t *testing.T) {
	r := newRegistry(registryShards)
	lease := leaseFor(1, "x")
	first := &entry{}
	r.add(first)
	r.name(first, lease)
	current := &entry{}
	r.add(current)
	candidate := &entry{}
	r.addBeside(current, candidate)
	r.name(candidate, lease)
	r.remove(first)
	var moving sync.WaitGroup
	moving.Go(func() {
		for range 2000 {
			r.promote(current, candidate)
			candidate = &entry{}
			r.addBeside(current, candidate)
			r.name(candidate, lease)
		}
	})
	for range 2000 {
		if len(r.find(ByTokenID("https://issuer", "id 1"))) == 0 {
			t.Error("the token was not found while it moved")
			break
		}
	}
	moving.Wait()
}
