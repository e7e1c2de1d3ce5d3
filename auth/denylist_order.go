package auth

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
)

// listOrder is the order of the entries of a MemoryDenylist by their IDs, for List. It is made by
// the first call of List. A later call sorts only the entries that are new, so a listing with many
// pages sorts once.
type listOrder struct {
	kept  bool             // guarded by mu of the list, as fresh, gone, and denylistEntry.removed
	fresh []*denylistEntry // added since the last call of List
	gone  int              // entries removed since sorted was made

	mu     sync.Mutex // taken before mu of the list
	sorted []*denylistEntry
}

// add adds an entry. The caller holds mu of the list.
func (o *listOrder) add(e *denylistEntry) {
	if o.kept {
		o.fresh = append(o.fresh, e)
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
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, e := range o.sorted[at:] {
		if len(page) == most {
			break
		}
		if !e.removed && e.lasts(now) {
			page = append(page, e.Revocation)
		}
	}
	return page, nil
}

// sortFresh sorts the entries that are new, without the list's lock, and merges them with the
// others. The caller holds order.mu.
func (d *MemoryDenylist) sortFresh() {
	o := &d.order
	d.mu.Lock()
	if !o.kept {
		o.kept, o.sorted, o.gone = true, nil, 0
		o.fresh = slices.AppendSeq(make([]*denylistEntry, 0, len(d.entries)), maps.Values(d.entries))
	}
	fresh := o.fresh
	o.fresh = nil
	if o.gone > len(d.entries) {
		o.sorted = slices.DeleteFunc(o.sorted, func(e *denylistEntry) bool { return e.removed })
		fresh = slices.DeleteFunc(fresh, func(e *denylistEntry) bool { return e.removed })
		o.gone = 0
	}
	d.mu.Unlock()
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
