package auth

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkRegistry measures what the index adds to the life of a socket, among 100,000
// others, on all processors at once, by the number of shards.
func BenchmarkRegistry(b *testing.B) {
	leases := leasesOf(100_000, 0)
	for _, shards := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprint("shards=", shards), func(b *testing.B) {
			r := newRegistry(shards)
			fill(r, leases)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				lease := leaseFor(rand.Int(), fmt.Sprint(rand.Int()))
				for pb.Next() {
					e := &entry{}
					r.add(e)
					r.name(e, lease)
					r.remove(e)
				}
			})
		})
	}
}

// BenchmarkRegistryFind measures a lookup among 100,000 sockets, for a subject with one socket
// and for a subject with all of them.
func BenchmarkRegistryFind(b *testing.B) {
	for _, subjects := range []int{100_000, 1} {
		leases := leasesOf(100_000, subjects)
		for _, shards := range []int{1, 4, 16, 64} {
			b.Run(fmt.Sprintf("sockets=%d/shards=%d", 100_000/subjects, shards), func(b *testing.B) {
				r := newRegistry(shards)
				fill(r, leases)
				b.ResetTimer()
				for b.Loop() {
					if len(r.find(BySubject("https://issuer", "subject 0"))) != 100_000/subjects {
						b.Fatal("not found")
					}
				}
			})
		}
	}
}

// BenchmarkRegistryAll measures an iteration over 100,000 sockets.
func BenchmarkRegistryAll(b *testing.B) {
	r := newRegistry(registryShards)
	fill(r, leasesOf(100_000, 0))
	for b.Loop() {
		n := 0
		for range r.all(place{}) {
			n++
		}
		if n != 100_000 {
			b.Fatal(n)
		}
	}
}
