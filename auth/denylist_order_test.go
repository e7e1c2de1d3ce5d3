package auth_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
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
