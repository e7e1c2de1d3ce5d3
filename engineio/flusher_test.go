package engineio

import (
	"fmt"
	"sync"
	"testing"
)

// Many senders to many sessions lose nothing, and each session gets the messages of a sender in their order,
// while sessions come and go.
func TestBurstsOfManySenders(t *testing.T) {
	f := newTCP(t, Options{MaxOutbound: 64 << 20}, nil)
	const senders, each, sessions = 4, 200, 6
	var read, send sync.WaitGroup
	var all []*recorder
	for range sessions {
		w, c := f.idle()
		all = append(all, c)
		read.Go(func() {
			next := make([]int, senders)
			for range senders * each {
				var sender, i int
				if _, err := fmt.Sscanf(w.read(), "4%d:%d", &sender, &i); err != nil {
					t.Error(err)
					return
				}
				if next[sender] != i {
					t.Errorf("sender %d: message %d, want %d", sender, i, next[sender])
					return
				}
				next[sender]++
			}
		})
	}
	for sender := range senders {
		send.Go(func() {
			for i := range each {
				m := NewMessage(fmt.Appendf(nil, "%d:%d", sender, i))
				for _, c := range all {
					if sender%2 == 0 {
						_ = c.s.SendShared(m)
					} else {
						_ = c.s.Send(m)
					}
				}
				f.srv.Yield()
			}
		})
	}
	for range 20 {
		w, c := f.openSocket()
		sends(t, c, "a", "b", "c")
		c.s.Abort(ForcedClose)
		w.close()
	}
	send.Wait()
	read.Wait()
}

// A flusher takes each session once, a few at a time, and begins again when one is listed later.
func TestFlusherTakesTurns(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	x := &f.srv.flushers[0]
	x.running = true // by this test
	var all []*Session
	for range perTurn + 3 {
		_, c := f.idle()
		all = append(all, c.s, c.s)
	}
	for _, s := range all {
		x.add(s)
	}
	var turn [perTurn]*Session
	for _, want := range []int{perTurn, 3, 0} {
		if n := x.take(turn[:]); n != want || x.running != (want > 0) || (x.since.Load() != 0) != (want > 0) {
			t.Errorf("took %d sessions, want %d; running: %v, since %d", n, want, x.running, x.since.Load())
		}
	}
	if x.sessions != nil || all[0].listed {
		t.Error("something is left")
	}
}
