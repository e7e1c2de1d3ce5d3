// Package tally counts events by name, in bounded memory.
package tally

import (
	"maps"
	"sync"
)

// Most bounds the names that a By distinguishes, since programs, and with them peers, may
// choose names. Events with further names are counted as Other.
const (
	Most  = 64
	Other = "other"
)

// By counts events by name. The zero value is ready to use. Its methods may be called
// concurrently. It is for what happens once for a connection or a socket, not for each
// event of a socket: those that count take turns.
type By[K ~string] struct {
	mu     sync.Mutex
	counts map[K]uint64
}

// Add counts an event.
func (b *By[K]) Add(name K) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts == nil {
		b.counts = make(map[K]uint64)
	}
	if _, known := b.counts[name]; !known && len(b.counts) >= Most {
		name = Other
	}
	b.counts[name]++
}

// Counts returns a copy of the counts. It is empty and not nil if there are none.
func (b *By[K]) Counts() map[K]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts == nil {
		return map[K]uint64{}
	}
	return maps.Clone(b.counts)
}
