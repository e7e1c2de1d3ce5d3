package auth

import (
	"container/heap"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"socketiojwt/token"
)

// DenylistOptions configure a MemoryDenylist. The zero value is ready to use.
type DenylistOptions struct {
	// MaxEntries bounds the number of entries. Entries that have ended are kept until their
	// place is needed, so that a clock that is set forward and back loses none. If all entries
	// still last, Add fails. Zero means 100,000, which need at most about 50 MB with short
	// values.
	MaxEntries int
	// MaxClaims bounds the number of different claim names in entries of ByClaim, because each
	// token is searched for all of these claims. With one more, Add fails. Zero means 16.
	MaxClaims int
	// Now is the clock by which entries end. Nil means time.Now.
	Now func() time.Time
}

// A MemoryDenylist is a Denylist in memory. It is empty after a restart. Find costs one lookup
// for each registered claim of the token and, if there are entries of ByClaim, one for each
// value of those claims. Its methods ignore ctx, and may be called concurrently.
type MemoryDenylist struct {
	opts DenylistOptions

	mu      sync.RWMutex
	entries map[denylistKey]*denylistEntry
	ends    endHeap
	claims  map[string]int // number of entries by the claim's name; no count is zero

	order listOrder
}

// denylistKey is the key of an entry. Different keys have different IDs.
type denylistKey struct {
	match Match
	block bool
}

func (r Revocation) key() denylistKey { return denylistKey{r.Match, r.IssuedBefore.IsZero()} }

// denylistEntry is an entry with its place in the heap.
type denylistEntry struct {
	Revocation
	id      string
	at      int
	round   uint32 // of listOrder, which has the entry then
	removed bool   // from the list
}

// NewDenylist returns an empty MemoryDenylist. It panics if an option is negative. Zero opts
// mean the defaults.
func NewDenylist(opts DenylistOptions) *MemoryDenylist {
	if opts.MaxEntries < 0 || opts.MaxClaims < 0 {
		panic("auth: NewDenylist: MaxEntries or MaxClaims is negative; set a positive number, or zero for the default")
	}
	if opts.MaxEntries == 0 {
		opts.MaxEntries = 100_000
	}
	if opts.MaxClaims == 0 {
		opts.MaxClaims = 16
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &MemoryDenylist{opts: opts, entries: make(map[denylistKey]*denylistEntry), claims: make(map[string]int)}
}

// Add adds an entry, as Denylist says. An entry that has ended already is not added.
func (d *MemoryDenylist) Add(_ context.Context, r Revocation) error {
	if err := r.Check(); err != nil {
		return err
	}
	now := d.opts.Now()
	if !r.lasts(now) {
		return nil
	}
	r = r.clone()
	d.mu.Lock()
	defer d.mu.Unlock()
	for more := true; more; {
		if e := d.entries[r.key()]; e != nil {
			if e.lasts(now) {
				r = e.Merge(r)
			}
			e.Revocation = r
			heap.Fix(&d.ends, e.at)
			return nil
		}
		var err error
		if more, err = d.makeRoom(r.Match, now); err != nil {
			return err
		}
		if more { // let others in
			d.mu.Unlock()
			d.mu.Lock()
		}
	}
	e := &denylistEntry{Revocation: r, id: r.ID()}
	d.entries[r.key()] = e
	heap.Push(&d.ends, e)
	d.order.add(e)
	if r.Match.kind == byClaim {
		d.claims[r.Match.name]++
	}
	return nil
}

// clone returns r with strings of its own, which do not keep the claims of a token in memory.
func (r Revocation) clone() Revocation {
	m := &r.Match
	m.issuer, m.name, m.value, r.Reason = strings.Clone(m.issuer), strings.Clone(m.name), strings.Clone(m.value), strings.Clone(r.Reason)
	return r
}

const (
	// mostVisited and mostRemoved bound the entries that are visited, or removed, while the list is locked, because each token
	// that is verified waits for it.
	mostVisited = 1024
	mostRemoved = 64
)

// makeRoom removes entries that have ended while there is no room for an entry of m, and fails
// if that is not enough. It reports whether it must be called again, because it has removed as many as it may at a time. The
// caller holds mu.
func (d *MemoryDenylist) makeRoom(m Match, now time.Time) (more bool, err error) {
	manyClaims := func() bool {
		return m.kind == byClaim && d.claims[m.name] == 0 && len(d.claims) >= d.opts.MaxClaims
	}
	for removed := 0; len(d.entries) >= d.opts.MaxEntries || manyClaims(); removed++ {
		if len(d.ends) == 0 || d.ends[0].lasts(now) {
			break
		}
		if removed == mostRemoved {
			return true, nil
		}
		d.remove(d.ends[0])
	}
	switch {
	case len(d.entries) >= d.opts.MaxEntries:
		return false, fmt.Errorf("%w: it has %d entries, and the first one ends at %s; set a larger DenylistOptions.MaxEntries, or a shorter Options.LongestToken",
			ErrDenylistFull, len(d.entries), d.ends[0].end())
	case manyClaims():
		return false, fmt.Errorf("%w: it has entries for %d different claims; set a larger DenylistOptions.MaxClaims", ErrDenylistFull, len(d.claims))
	}
	return false, nil
}

// end describes the end of the entry.
func (r Revocation) end() string {
	if r.Until.IsZero() {
		return "no time"
	}
	return r.Until.Format(time.RFC3339)
}

// remove removes an entry. The caller holds mu.
func (d *MemoryDenylist) remove(e *denylistEntry) {
	delete(d.entries, e.key())
	heap.Remove(&d.ends, e.at)
	d.order.remove(e, len(d.entries))
	if name := e.Match.name; e.Match.kind == byClaim {
		if d.claims[name]--; d.claims[name] == 0 {
			delete(d.claims, name)
		}
	}
}

// Remove removes a block, as Denylist says.
func (d *MemoryDenylist) Remove(_ context.Context, m Match, madeUntil time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.entries[denylistKey{m, true}]; e != nil && !e.At.After(madeUntil) {
		d.remove(e)
	}
	return nil
}

// Find returns an entry that concerns the token, as Denylist says. It never fails.
func (d *MemoryDenylist) Find(_ context.Context, t *token.Token) (Revocation, bool, error) {
	now := d.opts.Now() // before the lock, because it may be user code
	d.mu.RLock()
	defer d.mu.RUnlock()
	if len(d.entries) == 0 {
		return Revocation{}, false, nil
	}
	names := func(claim string) bool { return d.claims[claim] > 0 }
	if len(d.claims) == 0 {
		names = nil
	}
	for _, m := range MatchesOf(t, names) {
		for _, block := range [...]bool{true, false} {
			if e := d.entries[denylistKey{m, block}]; e != nil && e.lasts(now) && e.coversIssue(t) {
				return e.Revocation, true, nil
			}
		}
	}
	return Revocation{}, false, nil
}

// Entry returns the block for m or, if block is false, the other entry for m. It reports false
// if there is none, or if it has ended.
func (d *MemoryDenylist) Entry(m Match, block bool) (Revocation, bool) {
	now := d.opts.Now()
	d.mu.RLock()
	defer d.mu.RUnlock()
	e := d.entries[denylistKey{m, block}]
	if e == nil || !e.lasts(now) {
		return Revocation{}, false
	}
	return e.Revocation, true
}

// All iterates over the entries that have not ended when All is called, in no order. It does
// not sort them, as List does. An entry that is added or removed during the call may be among them or not.
func (d *MemoryDenylist) All() iter.Seq[Revocation] {
	now := d.opts.Now()
	all := make([]Revocation, 0, d.Len())
	d.visit(d.mu.RLocker(), func(e *denylistEntry) {
		if e.lasts(now) {
			all = append(all, e.Revocation)
		}
	})
	return slices.Values(all)
}

// visit calls f for each entry, in no order, and holds the lock, which is that of the list. It releases the lock in between, so
// f may not be called for entries that are added or removed meanwhile.
func (d *MemoryDenylist) visit(lock sync.Locker, f func(e *denylistEntry)) {
	lock.Lock()
	defer lock.Unlock()
	visited := 0
	for _, e := range d.entries {
		f(e)
		if visited++; visited%mostVisited == 0 {
			lock.Unlock()
			lock.Lock()
		}
	}
}

// Len returns the number of entries, including those that have ended and whose place was not
// needed yet.
func (d *MemoryDenylist) Len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.entries)
}

// endHeap has the entry that ends first at its root.
type endHeap []*denylistEntry

func (h endHeap) Len() int { return len(h) }
func (h endHeap) Less(i, j int) bool {
	a, b := h[i].Until, h[j].Until
	return !a.IsZero() && (b.IsZero() || a.Before(b))
}

func (h endHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *endHeap) Push(x any) {
	e := x.(*denylistEntry)
	e.at = len(*h)
	*h = append(*h, e)
}

func (h *endHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
