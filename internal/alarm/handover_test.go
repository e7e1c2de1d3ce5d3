package alarm_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/wallclock"
)

// A function that blocks does not hold up the others, and may use the queue.
func TestQueueIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(time.Now)
		at := time.Now().Add(time.Second)
		blocked := make(chan struct{})
		var ran atomic.Int64
		for i := range 10 {
			q.add(at, func() {
				if i%2 == 0 {
					<-blocked
				}
				q.add(at, func() { ran.Add(1) })
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

// Functions that each take less than handover do not run one after the other. The goroutines
// that help end when no owner is due.
func TestQueueIsNotHeldUpByShortFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(time.Now)
		at := time.Now().Add(time.Second)
		var mu sync.Mutex
		var last time.Duration
		var ran, running, most int
		for range 1000 {
			q.add(at, func() {
				mu.Lock()
				ran, running, last = ran+1, running+1, max(last, time.Since(at))
				most = max(most, running)
				mu.Unlock()
				time.Sleep(9 * time.Millisecond)
				mu.Lock()
				running--
				mu.Unlock()
			})
		}
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if ran != 1000 || last > 500*time.Millisecond || most > 64 {
			t.Errorf("%d ran, the last %v late, up to %d at once", ran, last, most)
		}
	})
}

// An estimate that is wrong, because the clock was set, does not keep helpers away.
func TestQueueIsNotHeldUpByAnEstimate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(time.Now)
		at := time.Now().Add(time.Second)
		blocked := make(chan struct{})
		for range 2 {
			q.add(at, func() { <-blocked })
		}
		third := &task{run: func() {
			if late := time.Since(at); late > 20*time.Millisecond {
				t.Errorf("%v late", late)
			}
		}}
		time.Sleep(time.Second + time.Millisecond)
		q.Set(third, wallclock.Nanos(at)-1, time.Hour)
		time.Sleep(time.Minute)
		if q.Len() != 0 {
			t.Errorf("%d wait", q.Len())
		}
		close(blocked)
	})
}

// Functions that block forever use few goroutines quickly, and do not stop the queue.
func TestQueueIsNotStoppedByBlockedFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(time.Now)
		at := time.Now().Add(time.Second)
		blocked := make(chan struct{})
		var started atomic.Int64
		for range 70 {
			q.add(at, func() { started.Add(1); <-blocked })
		}
		time.Sleep(2500 * time.Millisecond)
		if n := started.Load(); n < 64 || n > 66 {
			t.Errorf("%d started in 1.5 s, want 64 to 66", n)
		}
		time.Sleep(10 * time.Second)
		if n := started.Load(); n != 70 {
			t.Errorf("%d started, want 70", n)
		}
		var ran atomic.Bool
		q.add(time.Now().Add(time.Second), func() { ran.Store(true) })
		time.Sleep(2*time.Second + time.Millisecond)
		if !ran.Load() {
			t.Error("an owner was not woken within a second")
		}
		close(blocked)
		time.Sleep(2 * time.Second)
	})
}
