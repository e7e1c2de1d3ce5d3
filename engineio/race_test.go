package engineio

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// moves are what the client or the layer above may do to a session by polling. None fails
// the test by itself, because its result depends on what else happens.
var moves = []struct {
	name string
	do   func(f *fixture, query string, c *recorder)
}{
	{"poll", func(f *fixture, query string, c *recorder) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		f.do(ctx, "GET", query, "")
	}},
	{"cancelled poll", func(f *fixture, query string, c *recorder) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(1000))*time.Microsecond)
		defer cancel()
		f.do(ctx, "GET", query, "")
	}},
	{"post", func(f *fixture, query string, c *recorder) {
		f.do(context.Background(), "POST", query, "4a\x1e4b\x1e3")
	}},
	{"cancelled post", func(f *fixture, query string, c *recorder) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(1000))*time.Microsecond)
		defer cancel()
		f.do(ctx, "POST", query, "4a\x1e"+strings.Repeat("4b\x1e", 1000)+"4c")
	}},
	{"post a close packet", func(f *fixture, query string, c *recorder) {
		f.do(context.Background(), "POST", query, "4a\x1e1")
	}},
	{"post nonsense", func(f *fixture, query string, c *recorder) {
		f.do(context.Background(), "POST", query, "nonsense")
	}},
	{"upgrade", func(f *fixture, query string, c *recorder) {
		w, err := f.trySocket(strings.Replace(query, "polling", "websocket", 1))
		if err != nil {
			return
		}
		defer w.close()
		w.r.in.conn.Write(wire(frame{0x81, false, "2probe"}))
		if w.read() == "3probe" {
			w.r.in.conn.Write(wire(frame{0x81, false, "5"}, frame{0x81, false, "4by websocket"}))
		}
	}},
	{"upgrade given up", func(f *fixture, query string, c *recorder) {
		w, err := f.trySocket(strings.Replace(query, "polling", "websocket", 1))
		if err != nil {
			return
		}
		w.r.in.conn.Write(wire(frame{0x81, false, "2probe"}))
		w.close()
	}},
	{"send", func(f *fixture, query string, c *recorder) {
		for range 10 {
			c.s.Send(NewMessage([]byte("sent"), []byte("attached")))
			c.s.SendVolatile(NewMessage([]byte("volatile")))
		}
	}},
	{"close", func(f *fixture, query string, c *recorder) { c.s.Close(ForcedClose) }},
	{"abort", func(f *fixture, query string, c *recorder) { c.s.Abort(ForcedClose) }},
	{"timer", func(f *fixture, query string, c *recorder) {
		c.s.mu.Lock()
		if c.s.life == open {
			c.s.heartbeat.due = 0
		}
		c.s.mu.Unlock()
		c.s.wake()
		c.s.wake()
	}},
}

// TestRacesOfEachPair does each pair of moves concurrently. Closed must be called exactly
// once and last, every request must be answered, and no goroutine may be left (TestMain
// checks that).
func TestRacesOfEachPair(t *testing.T) {
	const rounds = 5
	f := newTCP(t, Options{}, nil)
	for i, a := range moves {
		for _, b := range moves[i:] {
			t.Run(a.name+" and "+b.name, func(t *testing.T) {
				for round := range rounds {
					query, c := f.open()
					if round%2 == 1 { // with something queued, so that polls do not wait
						c.s.Send(NewMessage([]byte("queued")))
					}
					var wg sync.WaitGroup
					wg.Go(func() { a.do(f, query, c) })
					wg.Go(func() { b.do(f, query, c) })
					wg.Wait()
					c.s.Abort("the end")
					select {
					case <-c.ended:
					case <-time.After(time.Minute):
						t.Fatal("the session does not end")
					}
					c.mu.Lock()
					if len(c.closed) != 1 || c.late {
						t.Errorf("Closed %q, a message after it: %v", c.closed, c.late)
					}
					c.mu.Unlock()
				}
			})
		}
	}
	f.expectNoSessions()
}

// TestUpgradeLosesNothing checks that no message is lost, duplicated or reordered by an
// upgrade at any time, in either direction.
func TestUpgradeLosesNothing(t *testing.T) {
	f := newTCP(t, Options{MaxOutbound: 64 << 20}, nil)
	for round := range 40 {
		query, c := f.open()
		const total = 300
		go func() {
			for i := range total {
				if err := c.s.Send(NewMessage(fmt.Appendf(nil, "%d", i), []byte{byte(i)})); err != nil {
					t.Errorf("round %d: message %d: %v", round, i, err)
					return
				}
				if i%20 == 0 {
					time.Sleep(time.Duration(rand.IntN(500)) * time.Microsecond)
				}
			}
		}()
		received := make([]string, 0, 2*total)
		posted := 0
		post := func() {
			if a := f.must("POST", query, fmt.Sprintf("4%d\x1e4%d", posted, posted+1)); a.status != 200 {
				t.Fatalf("round %d: POST: %d", round, a.status)
			}
			posted += 2
		}
		for n := rand.IntN(5); n > 0 && len(received) < 2*total; n-- {
			post()
			received = append(received, strings.Split(f.must("GET", query, "").body, "\x1e")...)
		}
		w := f.upgradeSocket(query)
		poll := f.background("GET", query, "") // under way when the probe comes
		post()
		w.write("2probe")
		if got := w.read(); got != "3probe" {
			t.Fatalf("round %d: %q", round, got)
		}
		if a := <-poll; a.body != "6" {
			received = append(received, strings.Split(a.body, "\x1e")...)
		}
		post()
		w.write("5")
		for range 20 {
			w.write(fmt.Sprintf("4%d", posted))
			posted++
		}
		for len(received) < 2*total {
			got := w.read()
			if data, ok := strings.CutPrefix(got, "binary:"); ok {
				got = string(NewBinaryMessage([]byte(data)).payload())
			}
			if got == "end" {
				t.Fatalf("round %d: the connection ended after %d packets", round, len(received))
			}
			received = append(received, got)
		}
		for i := range total {
			want := [2]string{fmt.Sprintf("4%d", i), string(NewBinaryMessage([]byte{byte(i)}).payload())}
			if [2]string(received[2*i:2*i+2]) != want {
				t.Fatalf("round %d: packets %q at %d, want %q", round, received[2*i:2*i+2], i, want)
			}
		}
		w.raw(wire(frame{0x88, false, ""}))
		expectEnd(t, c, TransportClose)
		for i, got := range c.got() {
			if got != fmt.Sprint(i) {
				t.Fatalf("round %d: message %d is %q", round, i, got)
			}
		}
		if got := len(c.got()); got != posted {
			t.Fatalf("round %d: %d messages, want %d", round, got, posted)
		}
	}
}

// TestAcceptWhileTheSessionEnds checks that a session that is accepted while it ends leaves its
// address once.
func TestAcceptWhileTheSessionEnds(t *testing.T) {
	for _, bound := range []int{0, 1 << 20} { // of sessions of one address
		opts := Options{MaxNewPerAddress: 1 << 20, MaxSessionsPerAddress: bound}
		srv := &Server{opts: opts, epoch: time.Now(), addresses: newAddresses(&opts)}
		sessions := make([]*Session, 50_000)
		for i := range sessions {
			counted, _ := srv.addresses.count(netip.MustParsePrefix("192.0.2.1/32"), srv.now())
			sessions[i] = &Session{srv: srv}
			sessions[i].address.Store(counted)
			sessions[i].fresh.Store(true)
		}
		var reached [2]atomic.Int64
		both := func(me int, do func(*Session)) {
			for i, s := range sessions {
				reached[me].Store(int64(i))
				for reached[1-me].Load() < int64(i) {
					runtime.Gosched()
				}
				do(s)
			}
			reached[me].Store(int64(len(sessions)))
		}
		var wg sync.WaitGroup
		wg.Go(func() { both(0, (*Session).Accept) })
		wg.Go(func() { both(1, (*Session).leaveAddress) })
		wg.Wait()
		if n := len(srv.addresses.byNetwork); n != 0 {
			t.Errorf("%d addresses are counted when all sessions have ended", n)
		}
	}
}
