package auth

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// listOrder is the order of the entries of a MemoryDenylist by their IDs, for List. It is made by
// the first call of List. A later call sorts only the entries that are new, so a listing with many
// pages sorts once.
type listOrder struct {
	kept  bool             // guarded by mu of the list, as the fields up to gone, and the fields of the entries
	round uint32           // number of times that the order was begun
	fresh []*denylistEntry // added since the last call of List
	gone  int              // entries removed since sorted was made

	mu     sync.Mutex // taken before mu of the list
	sorted []*denylistEntry
}

// add adds an entry. The caller holds mu of the list.
func (o *listOrder) add(e *denylistEntry) {
	if o.kept {
		e.round, o.fresh = o.round, append(o.fresh, e)
	}
}

// remove removes one of a number of entries. If many were removed, the next call of List begins
// anew. The caller holds mu of the list.
func (o *listOrder) remove(e *denylistEntry, of int) {
	e.removed = true
	if o.gone++; o.gone > of+1000 {
		o.kept, o.fresh, o.gone = false, nil, 0
	}
}

// List lists entries, as Denylist says.
func (d *MemoryDenylist) List(_ context.Context, after string, most int) ([]Revocation, error) {
	if most <= 0 {
		return nil, errors.New("auth: List: the number of entries must be positive")
	}
	now := d.opts.Now() // before the locks, because it may be user code
	o := &d.order
	o.mu.Lock()
	defer o.mu.Unlock()
	d.sortFresh()
	at := sort.Search(len(o.sorted), func(i int) bool { return o.sorted[i].id > after })
	var page []Revocation
	for some := range slices.Chunk(o.sorted[at:], mostVisited) {
		if page = d.appendPage(page, some, most, now); len(page) == most {
			break
		}
	}
	return page, nil
}

// appendPage appends entries that have not ended to a page, until it has as many as it may.
func (d *MemoryDenylist) appendPage(page []Revocation, some []*denylistEntry, most int, now time.Time) []Revocation {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, e := range some {
		if len(page) == most {
			break
		}
		if !e.removed && e.lasts(now) {
			page = append(page, e.Revocation)
		}
	}
	return page
}

// sortFresh sorts the entries that are new, without the list's lock, and merges them with the
// others. The caller holds order.mu.
func (d *MemoryDenylist) sortFresh() {
	o := &d.order
	d.mu.Lock()
	begins := !o.kept
	if begins {
		o.kept, o.sorted, o.gone, o.round = true, nil, 0, o.round+1
	}
	round, fresh := o.round, o.fresh
	o.fresh = nil
	many := o.gone > len(d.entries)
	if many {
		o.gone = 0
	}
	d.mu.Unlock()
	if begins {
		fresh = make([]*denylistEntry, 0, d.Len())
		d.visit(&d.mu, func(e *denylistEntry) {
			if e.round != round { // otherwise it has been added meanwhile
				e.round, fresh = round, append(fresh, e)
			}
		})
	}
	if many {
		o.sorted, fresh = d.withoutRemoved(o.sorted), d.withoutRemoved(fresh)
	}
	if len(fresh) == 0 {
		return
	}
	slices.SortFunc(fresh, func(a, b *denylistEntry) int { return strings.Compare(a.id, b.id) }) // an ID never changes
	merged := make([]*denylistEntry, 0, len(o.sorted)+len(fresh))
	old := o.sorted
	for len(old) > 0 && len(fresh) > 0 {
		first := &old
		if cmp.Less(fresh[0].id, old[0].id) {
			first = &fresh
		}
		merged = append(merged, (*first)[0])
		*first = (*first)[1:]
	}
	o.sorted = append(append(merged, old...), fresh...)
}

// withoutRemoved removes the entries from a list that were removed from the denylist.
func (d *MemoryDenylist) withoutRemoved(list []*denylistEntry) []*denylistEntry {
	left := list[:0]
	for some := range slices.Chunk(list, mostVisited) {
		d.mu.RLock()
		for _, e := range some {
			if !e.removed {
				left = append(left, e)
			}
		}
		d.mu.RUnlock()
	}
	clear(list[len(left):])
	return left
}
