package engineio

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"socketiojwt/internal/turns/turnstest"
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
func TestFlusherTakesAFewSessionsAtATime(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	x := &f.srv.flushers[0]
	x.running = true // by this test
	var all []*Session
	for range perLook + 3 {
		_, c := f.idle()
		all = append(all, c.s, c.s)
	}
	for _, s := range all {
		x.add(s, true)
	}
	var taken [perLook]*Session
	for _, want := range []int{perLook, 3, 0} {
		if n := x.take(taken[:]); n != want || x.running != (want > 0) {
			t.Errorf("took %d sessions, want %d; running: %v", n, want, x.running)
		}
	}
	if x.others != nil || all[0].listed != notListed {
		t.Error("something is left")
	}
}

// A message to one session does not wait until a large broadcast has been written to others, also if it
// is left to a flusher.
func TestFlusherPrefersMessagesToOneSession(t *testing.T) {
	f, _ := newHeld(t, onTCP, Options{})
	var all []*recorder
	for range 4 * perLook {
		_, c := f.idle()
		all = append(all, c)
	}
	m := NewMessage([]byte("broadcast"))
	for _, c := range all {
		if err := c.s.SendShared(m); err != nil {
			t.Fatal(err)
		}
	}
	last := all[len(all)-1]
	sends(t, last, "answer")
	sends(t, last, "another")
	first := 0
	for i := range f.srv.flushers {
		var taken [perLook]*Session
		n := f.srv.flushers[i].take(taken[:])
		for _, s := range taken[:min(n, 1)] {
			if s == last.s {
				first++
			}
		}
		f.srv.flushers[i].running = true // still held
	}
	if first != 1 {
		t.Errorf("the session with an answer comes first with %d flushers", first)
	}
	if got := last.queued(); got != 3 {
		t.Errorf("%d messages wait, want 3", got)
	}
}

// A flusher that has much to write, and a goroutine that sends to many sessions, let those run that
// wait for the network.
func TestLargeBroadcastsLetTheNetworkIn(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	_, c := f.idle()
	x := &f.srv.flushers[0]
	many := make([]*Session, 1_000_000)
	for i := range many {
		many[i] = c.s // which has nothing to write
	}
	for name, busy := range map[string]func(){
		"flusher": func() {
			x.mu.Lock()
			x.others, x.running = slices.Clone(many), true
			x.mu.Unlock()
			x.run()
		},
		"sender": func() {
			for range 1000 {
				f.srv.Yield()
			}
		},
	} {
		if took := turnstest.FastestEcho(t, busy); took > 5*time.Millisecond {
			t.Errorf("%s: an echo took %v at least", name, took)
		}
	}
}
