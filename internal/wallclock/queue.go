// Package wallclock runs functions at times of the wall clock.
//
// A time.Timer follows a clock that stands still while the machine is suspended
// and that ignores a wall clock that is set. A Queue looks at the wall clock at
// least once per second while it holds an entry, so that it notices either
// within a second, with one timer for all entries.
package wallclock

import (
	"container/heap"
	"math"
	"sync"
	"time"
)

// longestSleep bounds how long a Queue with entries does not look at its clock.
const longestSleep = time.Second

// handover is how long a function of a Queue may run before the entries behind
// it are looked at by another goroutine.
const handover = 10 * time.Millisecond

// A Queue runs functions at times of the wall clock. Make one with New. Its
// methods may be called concurrently, also from the functions it runs.
type Queue struct {
	now func() time.Time

	mu      sync.Mutex
	entries entries
	timer   *time.Timer // nil until the first entry; runs while there are entries
}

// An Entry is a function that waits in a Queue.
type Entry struct {
	at    int64
	index int // in the queue; negative when the entry is not there
	f     func()
}

// New returns an empty queue that goes by the clock now. It calls now without a
// lock.
func New(now func() time.Time) *Queue { return &Queue{now: now} }

// Nanos returns a time of the wall clock in nanoseconds since 1970. A time that
// an int64 cannot hold becomes the nearest that it can.
func Nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	case s <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	}
	return t.UnixNano()
}

// Add makes f run once the clock shows at, on a goroutine of the queue. A clock
// that is set back delays f. f may block: the other entries are delayed by a few
// milliseconds at most.
func (q *Queue) Add(at time.Time, f func()) *Entry {
	e := &Entry{at: Nanos(at), f: f}
	q.mu.Lock()
	defer q.mu.Unlock()
	heap.Push(&q.entries, e)
	if e.index == 0 {
		// Only an estimate, because q.now is not called under the lock: wake decides.
		q.sleep(time.Until(at))
	}
	return e
}

// Remove takes an entry out of the queue and reports whether it was there: if
// not, its function runs or has run, or the entry was removed before. A nil entry
// is never there.
func (q *Queue) Remove(e *Entry) bool {
	if e == nil {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if e.index < 0 {
		return false
	}
	heap.Remove(&q.entries, e.index)
	if len(q.entries) == 0 {
		q.timer.Stop()
	}
	return true
}

// Len returns the number of entries that wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.entries)
}

// wake runs what is due. It is called by the timer.
func (q *Queue) wake() {
	for {
		now := Nanos(q.now())
		q.mu.Lock()
		if len(q.entries) == 0 {
			q.mu.Unlock()
			return
		}
		e := q.entries[0]
		if e.at > now {
			q.sleep(until(e.at, now))
			q.mu.Unlock()
			return
		}
		heap.Pop(&q.entries)
		if len(q.entries) > 0 {
			q.sleep(max(handover, until(q.entries[0].at, now)))
		}
		q.mu.Unlock()
		e.f()
	}
}

// until returns the time from now to at.
func until(at, now int64) time.Duration {
	if d := at - now; (d > 0) == (at > now) {
		return time.Duration(d)
	}
	return math.MaxInt64 // the difference overflows
}

// sleep sets the timer. The caller holds mu.
func (q *Queue) sleep(d time.Duration) {
	d = min(d, longestSleep)
	if q.timer == nil {
		q.timer = time.AfterFunc(d, q.wake)
		return
	}
	q.timer.Reset(d)
}

// entries is a heap by time.
type entries []*Entry

func (es entries) Len() int { return len(es) }

func (es entries) Less(i, j int) bool { return es[i].at < es[j].at }

func (es entries) Swap(i, j int) {
	es[i], es[j] = es[j], es[i]
	es[i].index, es[j].index = i, j
}

// Push implements heap.Interface.
func (es *entries) Push(x any) {
	e := x.(*Entry)
	e.index = len(*es)
	*es = append(*es, e)
}

// Pop implements heap.Interface. An empty heap keeps no array.
func (es *entries) Pop() any {
	last := len(*es) - 1
	e := (*es)[last]
	(*es)[last], e.index = nil, -1
	if *es = (*es)[:last]; last == 0 {
		*es = nil
	}
	return e
}
