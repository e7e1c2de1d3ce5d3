package alarm_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/alarm"
	"socketiojwt/internal/wallclock"
)

// clock is a wall clock that a test can set.
type clock struct{ step, reads atomic.Int64 }

func (c *clock) now() time.Time {
	c.reads.Add(1)
	return time.Now().Add(time.Duration(c.step.Load()))
}

// task is an owner with a function.
type task struct {
	alarm.Entry
	run func()
}

// queue is a Queue of tasks by the wall clock.
type queue struct{ *alarm.Queue[*task] }

func newQueue(now func() time.Time) queue {
	return queue{alarm.New(func() int64 { return wallclock.Nanos(now()) }, wallclock.LongestSleep,
		func(t *task) *alarm.Entry { return &t.Entry }, func(t *task) { t.run() })}
}

func (q queue) add(at time.Time, run func()) *task {
	t := &task{run: run}
	q.Set(t, wallclock.Nanos(at), time.Until(at))
	return t
}

func (c *clock) set(step time.Duration) { c.step.Store(int64(step)) }

func TestQueueRunsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(time.Now)
		start := time.Now()
		var mu sync.Mutex
		var ran []time.Duration
		var kept []*task
		for _, i := range rand.Perm(500) {
			at := time.Duration(i) * 17 * time.Millisecond
			e := q.add(start.Add(at), func() {
				mu.Lock()
				defer mu.Unlock()
				if late := time.Since(start) - at; late != 0 {
					t.Errorf("%v late", late)
				}
				ran = append(ran, at)
			})
			if i%3 == 0 {
				kept = append(kept, e)
			}
		}
		for _, e := range kept {
			if !q.Remove(e) || q.Remove(e) {
				t.Error("an entry can be removed once")
			}
		}
		if q.Remove(new(task)) {
			t.Error("a task that was never set was in the queue")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(ran) != 500-len(kept) || !slices.IsSorted(ran) || q.Len() != 0 {
			t.Errorf("%d functions ran, %d were removed, %d wait; sorted: %t", len(ran), len(kept), q.Len(), slices.IsSorted(ran))
		}
	})
}

// A clock that is set forward is noticed within a second, one that is set back
// makes entries wait for their time.
func TestQueueFollowsTheWallClock(t *testing.T) {
	for name, c := range map[string]struct{ step, least, most time.Duration }{
		"not set":     {0, time.Hour, time.Hour},
		"set forward": {30 * 24 * time.Hour, 10 * time.Minute, 10*time.Minute + time.Second},
		"set back":    {-30 * time.Minute, 90 * time.Minute, 90 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wall clock
				q := newQueue(wall.now)
				start := time.Now()
				done := make(chan struct{})
				q.add(start.Add(time.Hour), func() { close(done) })
				time.Sleep(10*time.Minute - 1)
				wall.set(c.step)
				<-done
				if took := time.Since(start); took < c.least || took > c.most {
					t.Errorf("ran after %v, want %v to %v", took, c.least, c.most)
				}
			})
		})
	}
}

// A queue with entries looks at its clock once per second, an empty one never.
func TestQueueSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wall clock
		q := newQueue(wall.now)
		entries := make([]*task, 100)
		for i := range entries {
			entries[i] = q.add(time.Now().Add(time.Hour+time.Duration(i)), func() {})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := wall.reads.Load(); n != 60 {
			t.Errorf("%d looks in a minute, want 60", n)
		}
		for _, e := range entries {
			q.Remove(e)
		}
		wall.reads.Store(0)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := wall.reads.Load(); n > 1 {
			t.Errorf("%d looks of an empty queue", n)
		}
	})
}

// An owner that is set again is woken at the new time only, and the order of the others holds.
func TestQueueMovesOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(time.Now)
		start := time.Now()
		var mu sync.Mutex
		var ran int
		tasks, due := make([]*task, 3000), make([]time.Duration, 3000)
		for i := range tasks {
			tasks[i] = &task{run: func() {
				mu.Lock()
				defer mu.Unlock()
				ran++
				if late := time.Since(start) - due[i]; late != 0 {
					t.Errorf("task %d ran %v late", i, late)
				}
			}}
		}
		for range 5 {
			for i, task := range tasks {
				due[i] = time.Duration(rand.IntN(1e6)) * time.Millisecond
				at := start.Add(due[i])
				q.Set(task, wallclock.Nanos(at), time.Until(at))
			}
		}
		removed := 0
		for i, task := range tasks {
			if i%5 == 1 && q.Remove(task) {
				removed++
			}
		}
		time.Sleep(1e6 * time.Millisecond)
		synctest.Wait()
		if ran != len(tasks)-removed || removed != len(tasks)/5 || q.Len() != 0 {
			t.Errorf("%d of %d ran, %d were removed, %d wait", ran, len(tasks), removed, q.Len())
		}
	})
}

// Times at the ends of what an int64 holds do not overflow.
func TestQueueSleepsForVeryLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(time.Now)
		e := q.add(time.Unix(math.MaxInt64/2, 0), func() { t.Error("ran") })
		time.Sleep(time.Minute)
		q.Remove(e)
	})
}

// A queue without a longest sleep does not wake before its first owner is due.
func TestQueueByAMonotonicClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, start, ran := 0, time.Now(), time.Duration(0)
		q := alarm.New(func() int64 { reads++; return int64(time.Since(start)) }, 0,
			func(t *task) *alarm.Entry { return &t.Entry }, func(*task) { ran = time.Since(start) })
		q.Set(new(task), int64(time.Hour), time.Hour)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if ran != time.Hour || reads != 2 {
			t.Errorf("woken after %v, the clock was read %d times; want 1h and 2 times", ran, reads)
		}
	})
}

// An owner costs 16 bytes in the queue, and a queue that has become small gives memory back.
func TestQueueMemory(t *testing.T) {
	const n = 50_000
	tasks := make([]task, n)
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	q, before := newQueue(time.Now), heap()
	for i := range tasks {
		q.Set(&tasks[i], math.MaxInt64, time.Hour)
	}
	full := heap() - before
	for i := range tasks[10:] {
		q.Remove(&tasks[i])
	}
	if left := heap() - before; full > 25*n || left > 1<<15 {
		t.Errorf("%d owners take %d bytes each, and when few wait they take %d together", n, full/n, left)
	}
	runtime.KeepAlive(tasks)
	runtime.KeepAlive(q)
}
