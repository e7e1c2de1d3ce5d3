package admin

import (
	"container/heap"
	"slices"
	"strings"

	"socketiojwt/auth"
)

// firstLeases keeps the leases with the lowest IDs, at most so many, so that a page of a user with
// many sockets costs little more than looking at them.
type firstLeases struct {
	most   int
	leases []auth.LeaseInfo // a heap with the highest ID at its root
}

// add keeps a lease if it is one of the first.
func (f *firstLeases) add(l auth.LeaseInfo) {
	switch {
	case len(f.leases) < f.most:
		heap.Push(f, l)
	case l.ID < f.leases[0].ID:
		f.leases[0] = l
		heap.Fix(f, 0)
	}
}

// sorted returns the leases in the order of their IDs.
func (f *firstLeases) sorted() []auth.LeaseInfo {
	slices.SortFunc(f.leases, func(a, b auth.LeaseInfo) int { return strings.Compare(a.ID, b.ID) })
	return f.leases
}

func (f *firstLeases) Len() int           { return len(f.leases) }
func (f *firstLeases) Less(i, j int) bool { return f.leases[i].ID > f.leases[j].ID }
func (f *firstLeases) Swap(i, j int)      { f.leases[i], f.leases[j] = f.leases[j], f.leases[i] }
func (f *firstLeases) Push(x any)         { f.leases = append(f.leases, x.(auth.LeaseInfo)) }
func (f *firstLeases) Pop() any {
	last := f.leases[len(f.leases)-1]
	f.leases = f.leases[:len(f.leases)-1]
	return last
}
