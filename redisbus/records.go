package redisbus

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNotRecorded is the reason why an event was sent only to sockets of this node: it is not in
// the stream.
var ErrNotRecorded = errors.New("redisbus: the event is not in the stream")

// Records are the entries that this node adds to streams and then reads like those of others.
//
// An epoch is a period in which every record was read back. Its name is the node, a number and
// the run ID of Redis. The number is kept in Redis under a key that expires soon, and is renewed
// while the epoch lasts. If an entry may be missing, the key is removed, or the node waits until it
// has expired. Only then are the events that were not read back sent without having been recorded.
// So a session of the epoch is not recovered on any node from then on. The next epoch begins when
// this node has read back an entry of its own.
type records struct {
	bus  *streamBus
	wake chan struct{} // has capacity 1

	mu      sync.Mutex
	state   recordState
	last    uint64             // number of the last record
	pending map[uint64]*record // by their numbers
	bytes   int
	count   uint64              // number of the epoch
	since   map[string]string   // by stream: where the epoch began
	until   time.Time           // the epoch ends then if it is not renewed
	latest  time.Time           // the key in Redis has expired then
	window  time.Duration       // longest of a session
	order   map[string][]uint64 // by stream: the numbers of pending records, the oldest first

	// These are set while other locks are held.
	missing atomic.Bool // a record is not in the stream
	doubt   atomic.Bool // a marker must show whether records are missing

	leaving chan context.Context // of leave
	ended   chan struct{}        // closed when run has returned
}

// A record is an entry that is not read back yet.
type record struct {
	stream string
	size   int
	done   func(offset string, err error) // nil for a marker
	at     time.Time
}

type recordState int

const (
	starting  recordState = iota // as recording, before the first epoch
	recording                    // an epoch
	ending                       // events wait until the epoch has ended for all nodes
	broken                       // events are not recorded
)

const (
	leaseFor   = 3 * time.Second
	renewEvery = 500 * time.Millisecond
	renewFor   = time.Second // how long to wait for the first lease, and for the end of an epoch
	markFor    = time.Second // how long to wait for a marker
)

func newRecords(b *streamBus) *records {
	return &records{
		bus: b, wake: make(chan struct{}, 1), pending: make(map[uint64]*record), since: make(map[string]string),
		order: make(map[string][]uint64), leaving: make(chan context.Context, 1), ended: make(chan struct{}),
	}
}

// add queues an entry for a stream, and calls done when it was read back.
func (r *records) add(stream string, fields []string, done func(string, error)) error {
	r.mu.Lock()
	if r.state == broken {
		// Other nodes may get it. It is queued under mu, so before the marker of the next epoch.
		_ = r.bus.outbox.put(r.bus.streams.entry(stream, fields))
		r.mu.Unlock()
		done("", ErrNotRecorded)
		return nil
	}
	defer r.mu.Unlock()
	p := r.bus.streams.entry(stream, append(fields, fieldNumber, number(r.last+1)))
	size := p.size()
	if r.bytes+size > r.bus.opts.MaxInbox && r.bytes > 0 {
		return ErrBacklog
	}
	return r.queue(p, &record{stream: stream, size: size, done: done, at: time.Now()})
}

// queue queues the parcel of the next record. The caller holds mu, so that the order of numbers
// is that of the queue.
func (r *records) queue(p parcel, rec *record) error {
	p.lost = r.lost
	if err := r.bus.outbox.put(p); err != nil {
		return err
	}
	r.last++
	r.pending[r.last] = rec
	r.bytes += rec.size
	r.order[rec.stream] = append(r.order[rec.stream], r.last)
	return nil
}

// lost says that an entry was not added or, unless that is certain, may not have been. The caller
// may hold the lock of the queue.
func (r *records) lost(certain bool) {
	if certain {
		r.missing.Store(true)
	} else {
		r.doubt.Store(true)
	}
	r.poke()
}

// trouble ends the epoch.
func (r *records) trouble() {
	r.mu.Lock()
	switch r.state {
	case starting:
		r.state = broken
		clear(r.since)
	case recording:
		r.state = ending
		clear(r.since)
	}
	r.mu.Unlock()
	r.poke()
}

func (r *records) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// read handles an entry of this node. The reader of the stream calls it in the order of the
// entries.
func (r *records) read(stream, text, id string) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return // not recorded
	}
	r.mu.Lock()
	rec := r.pending[n]
	missing := r.passed(stream, n)
	// Entries of one node are added in the order of their numbers. If one is missing, it is sent as
	// not recorded before the later ones, which are sent so, too.
	if marker := rec != nil && rec.done == nil; marker || rec != nil && !missing && r.state <= recording {
		if r.forget(n); marker {
			r.since[stream] = id
		}
	} else {
		rec = nil
	}
	r.mu.Unlock()
	if missing {
		r.trouble()
	}
	switch {
	case rec == nil: // it was sent already, or will be by fail
	case rec.done == nil:
		r.poke()
	default:
		rec.done(id, nil)
	}
}

// passed removes the numbers up to n from the order of a stream. It reports whether records with
// lower ones were not read back. The caller holds mu.
func (r *records) passed(stream string, n uint64) (missing bool) {
	order := r.order[stream]
	for len(order) > 0 && order[0] <= n {
		missing = missing || order[0] < n && r.pending[order[0]] != nil
		order = order[1:]
	}
	r.order[stream] = order
	return missing
}

// forget removes a record. The caller holds mu.
func (r *records) forget(n uint64) {
	r.bytes -= r.pending[n].size
	delete(r.pending, n)
}

// epoch returns the epoch, and where it began in a stream.
func (r *records) epoch(stream, redis string) (name, since string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != recording || r.since[stream] == "" || !time.Now().Before(r.until) {
		return "", ""
	}
	return strings.Join([]string{string(r.bus.id), number(r.count), redis}, " "), r.since[stream]
}

// run keeps the epochs until ctx ends.
func (r *records) run(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	defer close(r.ended)
	for {
		r.step(ctx)
		select {
		case <-ticker.C:
		case <-r.wake:
		case leaving := <-r.leaving:
			r.keepEpoch(leaving)
			return
		case <-ctx.Done():
			r.fail()
			return
		}
	}
}

// step does what is due.
func (r *records) step(ctx context.Context) {
	if r.missing.Swap(false) {
		r.trouble()
	}
	if r.doubt.Swap(false) && !r.mark() {
		r.doubt.Store(true)
	}
	r.mu.Lock()
	state := r.state
	r.mu.Unlock()
	switch state {
	case recording:
		if !r.renew(ctx) && !r.lasts() {
			r.trouble()
		}
	case ending:
		if r.end(ctx) {
			r.fail()
		}
	case broken:
		r.fail()
		r.start(ctx)
	case starting:
		r.start(ctx)
	}
}

// lasts reports whether the epoch can wait for the next attempt to renew it.
func (r *records) lasts() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Before(r.until)
}

// mostPasses bounds how often fail looks for events that were added meanwhile.
const mostPasses = 100

// fail sends what is not read back, as not recorded. Events that are added meanwhile wait behind it,
// so that they keep their order. If they are added faster than they are sent, fail gives up their order
// and not its end.
func (r *records) fail() {
	for pass := range mostPasses {
		failed := r.failing(pass == mostPasses-1)
		if len(failed) == 0 {
			return
		}
		for _, n := range slices.Sorted(maps.Keys(failed)) {
			r.bus.handle(func() { failed[n].done("", ErrNotRecorded) })
		}
	}
}

// failing takes the records that are not read back. If there are none, or if last is true, events are
// not recorded from now on.
func (r *records) failing(last bool) map[uint64]*record {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := make(map[uint64]*record)
	for n, rec := range r.pending {
		if rec.done != nil { // not a marker
			failed[n] = rec
		}
	}
	for n := range failed {
		r.forget(n)
	}
	if r.state = ending; last || len(failed) == 0 {
		r.state = broken
	}
	return failed
}
