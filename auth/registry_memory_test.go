package auth

import (
	"fmt"
	"runtime"
	"testing"
)

// fill adds n sockets to an index, with tokens that have every claim that the index uses.
func fill(r *registry, leases []*Lease) []*entry {
	entries := make([]*entry, len(leases))
	for i, lease := range leases {
		entries[i] = &entry{}
		r.add(entries[i])
		r.name(entries[i], lease)
	}
	return entries
}

func leasesOf(n int, subjects int) []*Lease {
	leases := make([]*Lease, n)
	for i := range leases {
		leases[i] = leaseFor(i, fmt.Sprint(i))
		if subjects > 0 {
			leases[i].Token.Subject = fmt.Sprint("subject ", i%subjects)
		}
	}
	return leases
}

// perSocket bounds the bytes of heap that the index costs for each socket: its entry, its
// slot, its keys in four tables, and fields of the admission and the token.
const perSocket = 300

// heapOf returns the bytes of heap that the result of make keeps.
func heapOf[T any](make func() T) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := make()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc)
}

// The index costs at most 300 bytes of heap for each socket, even when its maps have just
// grown.
func TestRegistryMemory(t *testing.T) {
	const fields = 2*8 + 16 // admission.entry, admission.candidate, token.Token.SessionID
	most, at := 0.0, 0
	for _, n := range []int{8000, 9000, 10_000, 11_000, 12_000, 13_000, 14_000, 15_000, 16_000, 100_000} {
		leases := leasesOf(n, 0)
		each := fields + heapOf(func() *registry {
			r := newRegistry(registryShards)
			fill(r, leases)
			return r
		})/float64(n)
		runtime.KeepAlive(leases)
		if each > most {
			most, at = each, n
		}
	}
	t.Logf("%.0f bytes for each socket at most, with %d of them", most, at)
	if most > perSocket || most < 100 {
		t.Errorf("the index costs %.0f bytes for each of %d sockets, want %d at most", most, at, perSocket)
	}
}

// When most sockets have been removed, the tables have given their memory back.
func TestRegistryGivesMemoryBack(t *testing.T) {
	const n = 20_000
	leases := leasesOf(n, 0)
	tables := func(keep int) float64 {
		return heapOf(func() *registry {
			r := newRegistry(registryShards)
			for i, e := range fill(r, leases) {
				if i >= keep {
					r.remove(e)
				}
			}
			return r
		})
	}
	all, few := tables(n), tables(n/100)
	runtime.KeepAlive(leases)
	t.Logf("%.0f bytes with %d sockets, %.0f when 99 of 100 have gone", all, n, few)
	if few > all/5 { // the slots stay
		t.Errorf("%.0f bytes are left of %.0f when 99 of 100 sockets have gone", few, all)
	}
}
