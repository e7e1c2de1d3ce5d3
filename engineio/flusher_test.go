package engineio

import (
	"fmt"
	"runtime"
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
	if x.others.first != nil || all[0].listed != notListed {
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
	for name, busy := range map[string]func(){
		"flusher": func() {
			x.mu.Lock()
			for range 1_000_000 {
				x.others.add(c.s) // which has nothing to write
			}
			x.running = true
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

// Sessions that are listed leave a flusher in their order, however many they are and whatever is taken at once.
func TestSessionList(t *testing.T) {
	var l sessionList
	sessions := make([]*Session, 1000)
	added, seen := 0, 0
	for round := 1; seen < len(sessions); round++ {
		for range min(7*round, len(sessions)-added) {
			sessions[added] = new(Session)
			l.add(sessions[added])
			added++
		}
		taken := make([]*Session, 5*round)
		n := l.take(taken)
		if want := min(len(taken), added-seen); n != want {
			t.Fatalf("%d sessions taken, want %d", n, want)
		}
		for _, s := range taken[:n] {
			if s != sessions[seen] {
				t.Fatalf("session %d is not the one that was added", seen)
			}
			seen++
		}
	}
	if l != (sessionList{}) {
		t.Error("an empty list is not the zero value")
	}
}

// A message that a flusher writes allocates no more than one that its sender writes. Otherwise broadcasts to many
// sockets make the garbage collector run, which delays answers.
func TestBroadcastsMakeNoGarbage(t *testing.T) {
	f := newTCP(t, Options{}, nil)
	var all []*recorder
	for range 20 * maxDirect {
		_, c := f.idle()
		all = append(all, c)
	}
	m := NewMessage([]byte("broadcast"))
	allocated := func(send func(*Session, *Message) error) float64 {
		const rounds = 30
		var before, after runtime.MemStats
		for round := range rounds + 1 {
			if round == 1 { // the first one fills the pools
				runtime.ReadMemStats(&before)
			}
			for _, c := range all {
				if err := send(c.s, m); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Millisecond) // a pause is 1 ms
			for _, c := range all {
				for !c.s.written() {
					time.Sleep(200 * time.Microsecond)
				}
			}
		}
		runtime.ReadMemStats(&after)
		return float64(after.Mallocs-before.Mallocs) / float64(rounds*len(all))
	}
	direct, shared := allocated((*Session).Send), allocated((*Session).SendShared)
	// With the race detector a pool drops a quarter of what it is given.
	if shared > direct+0.5 {
		t.Errorf("%.2f objects allocated for each message of a broadcast, %.2f for others", shared, direct)
	}
}
