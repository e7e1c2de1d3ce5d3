package auth_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketiojwt/auth"
)

// entryIDs returns the IDs of all entries, listed in pages.
func entryIDs(t testing.TB, d *auth.MemoryDenylist, size int) (ids []string) {
	for after := ""; ; after = ids[len(ids)-1] {
		page, err := d.List(t.Context(), after, size)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			ids = append(ids, r.ID())
		}
		if len(page) < size {
			return ids
		}
	}
}

// blockOf is a block of one of the subjects of the tests.
func blockOf(i int) auth.Revocation {
	return auth.Revocation{Match: auth.BySubject("https://issuer", fmt.Sprint("subject ", i)), At: time.Now()}
}

// List finds the same entries as a plain map, whatever is added and removed between two listings.
func TestListIsInOrderAfterManyChanges(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := auth.NewDenylist(auth.DenylistOptions{})
	model := make(map[string]bool)
	for round := range 60 {
		for range random.IntN(3000) {
			b := blockOf(random.IntN(2000))
			if random.IntN(2) == 0 {
				adds(t, d, false, b)
				model[b.ID()] = true
			} else {
				unblock(t, d, b.Match)
				delete(model, b.ID())
			}
		}
		if got, want := entryIDs(t, d, 1+random.IntN(500)), slices.Sorted(maps.Keys(model)); !slices.Equal(got, want) {
			t.Fatalf("round %d: %d entries are listed, want %d", round, len(got), len(want))
		}
	}
}

// List, Add and Remove may be called concurrently. No entry that stays is missing or listed twice.
func TestListWhileEntriesComeAndGo(t *testing.T) {
	d := auth.NewDenylist(auth.DenylistOptions{})
	for i := range 100 {
		adds(t, d, false, blockOf(i))
	}
	var all sync.WaitGroup
	for n := range 3 {
		all.Go(func() {
			for i := range 2000 {
				b := blockOf(1000 + n*100 + i%100)
				adds(t, d, false, b)
				unblock(t, d, b.Match)
			}
		})
		all.Go(func() {
			for range 50 {
				ids := entryIDs(t, d, 7)
				if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
					t.Error("the entries are not in order")
				}
				for i := range 100 {
					if _, found := slices.BinarySearch(ids, blockOf(i).ID()); !found {
						t.Errorf("entry %d is missing", i)
					}
				}
			}
		})
	}
	all.Wait()
}

// All, and a List that begins, release the lock in between. They have all entries that stay, each once.
func TestLargeListWhileEntriesComeAndGo(t *testing.T) {
	const stay = 3000
	var staying []string
	for i := range stay {
		staying = append(staying, blockOf(i).ID())
	}
	slices.Sort(staying)
	for range 10 {
		d := auth.NewDenylist(auth.DenylistOptions{})
		for i := range stay {
			adds(t, d, false, blockOf(i))
		}
		check := func(what string, ids []string) {
			slices.Sort(ids)
			if len(slices.Compact(slices.Clone(ids))) != len(ids) {
				t.Errorf("%s has an entry twice", what)
			}
			for _, id := range staying {
				if _, found := slices.BinarySearch(ids, id); !found {
					t.Errorf("%s lacks an entry", what)
					return
				}
			}
		}
		var done atomic.Bool
		var others, lists sync.WaitGroup
		for n := range 2 {
			others.Go(func() {
				for i := 0; !done.Load(); i++ {
					b := blockOf(stay + n*1000 + i%1000)
					adds(t, d, false, b)
					if i%3 > 0 {
						unblock(t, d, b.Match)
					}
				}
			})
		}
		lists.Go(func() {
			check("List", entryIDs(t, d, 700))
			check("List", entryIDs(t, d, 700))
		})
		lists.Go(func() {
			var ids []string
			for r := range d.All() {
				ids = append(ids, r.ID())
			}
			check("All", ids)
		})
		lists.Wait()
		done.Store(true)
		others.Wait()
	}
}

// A denylist is locked only while a bounded number of entries is visited or removed, because all verifications wait for it.
func TestDenylistIsNotLockedForLong(t *testing.T) {
	const size = 5000
	now := time.Now()
	d := auth.NewDenylist(auth.DenylistOptions{MaxClaims: 1, Now: func() time.Time { return now }})
	for i := range size {
		b := blockOf(i)
		b.Until = now.Add(time.Minute)
		adds(t, d, false, b)
	}
	adds(t, d, false, auth.Revocation{Match: auth.ByClaim("one", "x"), Until: now.Add(time.Hour)})
	if most, all := auth.MostVisited(d); most > 1024 || all != size+1 {
		t.Errorf("%d of %d entries are visited at once", most, all)
	}
	now = now.Add(2 * time.Hour)
	another := auth.Revocation{Match: auth.ByClaim("another", "x"), Until: now.Add(time.Hour)}
	if more, err := auth.MakeRoom(d, another.Match, now); !more || err != nil || d.Len() < size-100 {
		t.Errorf("%d entries are left: %t, %v", d.Len(), more, err)
	}
	if adds(t, d, false, another); d.Len() != 1 {
		t.Errorf("%d entries are left after Add", d.Len())
	}
}

// A listing of many pages sorts the entries once. The figure is for all pages of 100,000 entries.
func BenchmarkDenylistListAll(b *testing.B) {
	d := auth.NewDenylist(auth.DenylistOptions{})
	for i := range 100_000 {
		_ = d.Add(b.Context(), blockOf(i))
	}
	for b.Loop() {
		_ = d.Add(b.Context(), auth.Revocation{Match: auth.BySubject("", "new"), At: time.Now()})
		entryIDs(b, d, 100)
	}
}

func unblock(t *testing.T, d *auth.MemoryDenylist, m auth.Match) {
	if err := d.Remove(t.Context(), m, time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
}
