package wallclock_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/wallclock"
)

// clock is a wall clock that a test can set.
type clock struct{ step, reads atomic.Int64 }

func (c *clock) now() time.Time {
	c.reads.Add(1)
	return time.Now().Add(time.Duration(c.step.Load()))
}

func (c *clock) set(step time.Duration) { c.step.Store(int64(step)) }

func TestQueueRunsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := wallclock.New(time.Now)
		start := time.Now()
		var mu sync.Mutex
		var ran []time.Duration
		var kept []*wallclock.Entry
		for _, i := range rand.Perm(500) {
			at := time.Duration(i) * 17 * time.Millisecond
			e := q.Add(start.Add(at), func() {
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
		if q.Remove(nil) {
			t.Error("nil was in the queue")
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
				q := wallclock.New(wall.now)
				start := time.Now()
				done := make(chan struct{})
				q.Add(start.Add(time.Hour), func() { close(done) })
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
		q := wallclock.New(wall.now)
		entries := make([]*wallclock.Entry, 100)
		for i := range entries {
			entries[i] = q.Add(time.Now().Add(time.Hour+time.Duration(i)), func() {})
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

// A function that blocks does not hold up the others, and may use the queue.
func TestQueueIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := wallclock.New(time.Now)
		at := time.Now().Add(time.Second)
		blocked := make(chan struct{})
		var ran atomic.Int64
		for i := range 10 {
			q.Add(at, func() {
				if i%2 == 0 {
					<-blocked
				}
				q.Add(at, func() { ran.Add(1) })
			})
		}
		time.Sleep(2 * time.Second)
		if n := ran.Load(); n != 5 {
			t.Errorf("%d ran, want 5", n)
		}
		close(blocked)
		time.Sleep(2 * time.Second)
		if n := ran.Load(); n != 10 || q.Len() != 0 {
			t.Errorf("%d ran, want 10; %d wait", n, q.Len())
		}
	})
}

func TestNanos(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want int64
	}{
		{time.Unix(1, 2), 1_000_000_002},
		{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), math.MaxInt64},
		{time.Time{}, math.MinInt64},
	} {
		if got := wallclock.Nanos(c.at); got != c.want {
			t.Errorf("Nanos(%v) = %d, want %d", c.at, got, c.want)
		}
	}
	synctest.Test(t, func(t *testing.T) { // no difference overflows
		q := wallclock.New(time.Now)
		e := q.Add(time.Unix(math.MaxInt64/2, 0), func() { t.Error("ran") })
		time.Sleep(time.Minute)
		q.Remove(e)
	})
}
