package socketio

import (
	"runtime"
	"testing"
	"time"
)

// A deadline with a reminder takes little more memory than one without, and no timer: both are
// one entry of one queue.
func TestReminderMemory(t *testing.T) {
	const n = 20_000
	srv := &Server{opts: Options{Now: time.Now}}
	srv.deadlines = newDeadlines(srv.clock)
	c := &conn{server: srv}
	measure := func(remind bool) int {
		sockets := make([]*Socket, n)
		for i := range sockets {
			sockets[i] = &Socket{conn: c}
		}
		end, f := func() {}, func() {}
		before := heapInUse()
		for _, s := range sockets {
			s.SetDeadline(time.Now().Add(time.Hour), end)
			if remind {
				s.Remind(time.Now().Add(time.Minute), f)
			}
		}
		bytes := int(heapInUse()-before) / n
		if waiting := srv.deadlines.Len(); waiting != n {
			t.Errorf("%d entries for %d sockets", waiting, n)
		}
		for _, s := range sockets {
			s.mu.Lock()
			s.clearDeadline()
			s.mu.Unlock()
		}
		if waiting := srv.deadlines.Len(); waiting != 0 {
			t.Errorf("%d entries are left", waiting)
		}
		return bytes
	}
	plain, reminded := measure(false), measure(true)
	t.Logf("a deadline: %d bytes, with a reminder: %d bytes", plain, reminded)
	if plain > 75 || reminded > plain+16 {
		t.Errorf("a deadline takes %d bytes, and %d with a reminder", plain, reminded)
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
