// Package alarm wakes many owners, each at its own time of a clock.
//
// It is for owners of which a process has very many, and which wait for most of their lives: a
// session for its next ping, a socket for the end of its lease. A time.Timer for each of them
// takes some 160 bytes in three objects. An owner in a Queue takes 4 bytes in itself, its Entry,
// and some 16 in the slice of the queue, and all owners share one time.Timer.
//
// A time.Timer also follows a clock that stands still while the machine is suspended and that
// ignores a wall clock that is set. A Queue goes by any clock, and looks at it as often as New is
// told.
//
// The functions that wake owners run on few goroutines, and usually on one: see New.
package alarm

import (
	"math"
	"sync"
	"time"
)

const (
	// handover is how long owners that are due wait for the goroutines of the queue before
	// another goroutine joins.
	handover = 10 * time.Millisecond
	// crowd is the number of goroutines from which on crowded replaces handover. There is no
	// hard limit, because functions that block forever would then stop the queue.
	crowd   = 64
	crowded = time.Second
)

// A Queue wakes its owners. Make one with New. Its methods may be called concurrently, also
// from the function that it wakes owners with.
type Queue[T any] struct {
	now     func() int64
	longest time.Duration
	entry   func(T) *Entry
	wake    func(T)

	mu      sync.Mutex
	waiting []waiting[T] // a heap by time, in which each place has four children
	timer   *time.Timer  // nil until the first owner waits; runs while owners wait
	helping bool         // the timer runs so that another goroutine joins; see handOver
	awake   int          // goroutines that wake owners
}

// An Entry is the place of an owner in a Queue. It is a field of the owner, and only the queue
// uses it. The zero Entry is in no queue.
type Entry struct{ place uint32 } // index plus one; guarded by the mutex of the queue

// waiting is an owner in a queue. It has the time as well as the owner, so that the owners
// themselves are not looked at while one moves.
type waiting[T any] struct {
	at    int64
	owner T
}

// New returns an empty queue by the clock now, in nanoseconds. It calls now without a lock.
// While owners wait it looks at the clock at least once per longest, for a clock that can be
// set, or stands still. Zero means no limit.
//
// entry returns the Entry of an owner. wake runs when the time of an owner has come, on a
// goroutine that it shares with other owners. It may block, and then delays owners that are due.
// While owners are due, another goroutine joins every 10 milliseconds, or every second while 64
// or more run. All goroutines end when no owner is due. So an owner that is due while a single
// function blocks is woken within 10 milliseconds, and the last of 1,000 owners that are due
// together, each of whose functions takes 9 milliseconds, within half a second.
func New[T any](now func() int64, longest time.Duration, entry func(T) *Entry, wake func(T)) *Queue[T] {
	if longest == 0 {
		longest = math.MaxInt64
	}
	return &Queue[T]{now: now, longest: longest, entry: entry, wake: wake}
}

// Set wakes an owner once when the clock shows at. It replaces the time that was set before. A
// clock that is set back delays the owner. In is an estimate of how long that takes: the clock
// is not read, because it may be the caller's own code, and the caller may hold a lock.
func (q *Queue[T]) Set(owner T, at int64, in time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entry(owner)
	if e.place == 0 {
		q.waiting = append(q.waiting, waiting[T]{})
		e.place = uint32(len(q.waiting))
	}
	if q.settle(int(e.place)-1, waiting[T]{at, owner}) == 0 {
		if q.helping {
			in = min(in, handover) // an estimate that is wrong must not keep helpers away
		}
		q.sleep(in)
	}
}

// Remove removes an owner, and reports whether it waited: if not, it was woken or never set.
func (q *Queue[T]) Remove(owner T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entry(owner)
	if e.place == 0 {
		return false
	}
	q.remove(int(e.place) - 1)
	if len(q.waiting) == 0 {
		q.helping = false
		q.timer.Stop()
	}
	return true
}

// Len returns the number of owners that wait.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// ring wakes the owners whose time has come. It is called by the timer, on a new goroutine.
func (q *Queue[T]) ring() {
	q.mu.Lock()
	q.helping = false
	q.awake++
	q.mu.Unlock()
	defer func() { // also if a function ends the goroutine
		q.mu.Lock()
		q.awake--
		q.mu.Unlock()
	}()
	for {
		owner, due := q.take(q.now())
		if !due {
			return
		}
		q.wake(owner)
	}
}

// take removes the first owner if its time has come, and sets the timer for the next one.
func (q *Queue[T]) take(now int64) (owner T, due bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return owner, false
	}
	first := q.waiting[0]
	if first.at > now {
		q.helping = false
		q.sleep(until(first.at, now))
		return owner, false
	}
	q.remove(0)
	if len(q.waiting) == 0 {
		q.helping = false
	} else {
		q.handOver(until(q.waiting[0].at, now))
	}
	return first.owner, true
}

// handOver sets the timer for the first owner, which is due in d, before another owner is woken.
// The goroutine that wakes it usually returns in time to look at the first owner itself. A timer
// that runs for a helper is not reset: otherwise functions that take less than handover would
// delay the helper again and again, and run one after the other. The caller holds mu.
func (q *Queue[T]) handOver(d time.Duration) {
	if d > handover {
		q.helping = false
		q.sleep(d)
		return
	}
	if q.helping {
		return
	}
	q.helping = true
	if q.awake < crowd {
		q.sleep(handover)
	} else {
		q.sleep(crowded)
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
func (q *Queue[T]) sleep(d time.Duration) {
	d = min(d, q.longest)
	if q.timer == nil {
		q.timer = time.AfterFunc(d, q.ring)
		return
	}
	q.timer.Reset(d)
}

const (
	children = 4
	// small is the number of places up to which a queue keeps its memory.
	small = 1024
)

// settle puts w at a place, or nearer to the root or the leaves where its time belongs, and
// returns that place. The caller holds mu.
func (q *Queue[T]) settle(i int, w waiting[T]) int {
	for i > 0 {
		parent := (i - 1) / children
		if q.waiting[parent].at <= w.at {
			break
		}
		q.put(i, q.waiting[parent])
		i = parent
	}
	for {
		child, end := i*children+1, min(i*children+1+children, len(q.waiting))
		if child >= end {
			break
		}
		for other := child + 1; other < end; other++ {
			if q.waiting[other].at < q.waiting[child].at {
				child = other
			}
		}
		if q.waiting[child].at >= w.at {
			break
		}
		q.put(i, q.waiting[child])
		i = child
	}
	q.put(i, w)
	return i
}

func (q *Queue[T]) put(i int, w waiting[T]) {
	q.waiting[i] = w
	q.entry(w.owner).place = uint32(i + 1)
}

// remove removes the owner at a place. The caller holds mu.
func (q *Queue[T]) remove(i int) {
	q.entry(q.waiting[i].owner).place = 0
	last := len(q.waiting) - 1
	moved := q.waiting[last]
	q.waiting[last] = waiting[T]{}
	q.waiting = q.waiting[:last]
	if i < last {
		q.settle(i, moved)
	}
	switch n := cap(q.waiting); {
	case last == 0:
		q.waiting = nil
	case n > small && last < n/4:
		q.waiting = append(make([]waiting[T], 0, n/2), q.waiting...)
	}
}
