package auth_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// world is the expected state of the sockets of one gate.
type world struct {
	namespace *socketio.Namespace
	gate      *auth.Gate

	mu    sync.Mutex
	alive map[string]bool // sockets that have come and not ended, by ID
	asked map[string]int  // tokens for which Authorize runs, by jti

	seen map[auth.LeaseState]int // by check
}

// begin is connect middleware before the gate.
func (w *world) begin(_ context.Context, s *socketio.Socket) error {
	w.mu.Lock()
	w.alive[s.ID()] = true
	w.mu.Unlock()
	s.OnEnd(func() {
		w.mu.Lock()
		delete(w.alive, s.ID())
		w.mu.Unlock()
	})
	return nil
}

// authorize is slow, and sometimes refuses, fails in another way, or is too late.
func (w *world) authorize(ctx context.Context, tok *token.Token, _ *socketio.Handshake) error {
	w.ask(tok, 1)
	defer w.ask(tok, -1)
	time.Sleep(rand.N(400 * time.Millisecond))
	switch rand.IntN(10) {
	case 0:
		return &auth.Error{Message: "no"}
	case 1:
		return &auth.Error{Message: "later", Temporary: true, RetryAfter: rand.N(2 * time.Second)}
	case 2:
		panic("x")
	case 3:
		runtime.Goexit()
	case 4:
		time.Sleep(2 * time.Second) // too late
	case 5:
		<-ctx.Done()
	}
	return nil
}

func (w *world) ask(tok *token.Token, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked[tok.ID] += n; w.asked[tok.ID] == 0 {
		delete(w.asked, tok.ID)
	}
}

// check waits until every goroutine is idle, and compares the index with the expected state.
func (w *world) check(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	inside := map[string]*auth.Lease{} // nil for a guest
	for _, s := range w.namespace.Sockets() {
		inside[s.ID()] = auth.Current(s)
	}
	sockets := map[string]int{}
	for l := range w.gate.Leases() {
		w.seen[l.State]++
		lease, admitted := inside[l.SocketID]
		candidate := admitted && l.State == auth.LeaseExamining
		if !candidate {
			sockets[l.SocketID]++
		}
		switch {
		case !w.alive[l.SocketID]:
			t.Errorf("%+v is listed, and its socket has ended", l)
		case l.State == auth.LeaseExamining && l.TokenID != "" && w.asked[l.TokenID] == 0,
			l.State == auth.LeaseHeld && (admitted || l.TokenID != ""),
			l.State == auth.LeaseGuest && (!admitted || lease != nil || l.TokenID != ""),
			l.State == auth.LeaseRunning && (lease == nil || lease.Token.Hash != l.TokenHash || !lease.Until.Equal(l.Until)):
			t.Errorf("%+v is listed, and the socket is admitted: %t, with %v", l, admitted, lease)
		}
		if l.TokenID != "" {
			for _, m := range []auth.Match{auth.BySubject(l.Issuer, l.Subject), auth.ByTokenID(l.Issuer, l.TokenID), auth.BySession(l.Issuer, l.SessionID), auth.ByHash(l.TokenHash)} {
				if !slices.Contains(slices.Collect(w.gate.LeasesOf(m)), l) {
					t.Errorf("%+v is listed, and not found by %+v", l, m)
				}
			}
		}
	}
	for id := range w.alive {
		if sockets[id] != 1 {
			t.Errorf("socket %s is listed %d times", id, sockets[id])
		}
	}
	for _, subject := range []string{"ada", "eve"} {
		for l := range w.gate.LeasesOf(auth.BySubject("https://issuer", subject)) {
			if l.Subject != subject || !w.alive[l.SocketID] {
				t.Errorf("%+v is found as one of %s", l, subject)
			}
		}
	}
}

// live runs one peer after another.
func (w *world) live(f *fixture, event bool) {
	show := func() any {
		c := named(fmt.Sprint(rand.Uint64()))
		c["sub"] = []string{"ada", "eve"}[rand.IntN(2)]
		c["exp"] = time.Now().Add(rand.N(8 * time.Second)).Unix()
		if rand.IntN(8) == 0 {
			return bearing("junk")
		}
		return bearing(sign(c))
	}
	for range 10 {
		opts := sockettest.Options{NetDial: f.in.Dial, Namespace: w.namespace.Name()}
		if !event && rand.IntN(4) > 0 {
			opts.Auth = show()
		}
		ctx, cancel := context.WithTimeout(f.ctx, rand.N(5*time.Second)) // may be too short
		p, err := sockettest.Dial(ctx, "http://server", opts)
		cancel()
		if err != nil {
			time.Sleep(rand.N(time.Second))
			continue
		}
		for range 1 + rand.IntN(5) {
			switch rand.IntN(10) {
			case 0:
				_ = p.Leave()
			case 1:
				for _, s := range w.namespace.Sockets() {
					if s.ID() == p.ID() {
						s.Disconnect(nil)
					}
				}
			case 2:
				time.Sleep(rand.N(10 * time.Second))
			case 3:
				go func() {
					ctx, cancel := context.WithTimeout(f.ctx, 10*time.Second)
					defer cancel()
					_, _ = p.EmitWithAck(ctx, "authenticate", show()) // a refresh, or a login
				}()
			case 4:
				for l := range w.gate.Leases() {
					if l.SocketID == p.ID() {
						_, _ = w.gate.Revoke(f.ctx, auth.ByHash(l.TokenHash), auth.RevokeOptions{})
					}
				}
			default:
				_ = p.Emit("authenticate", show())
			}
			time.Sleep(rand.N(time.Second))
		}
		_ = p.Close()
	}
}

// Peers connect, show good and bad tokens, repeatedly, log in, leave, lose their connection,
// expire and are disconnected, in random order, during iterations. Whenever every goroutine
// is idle, the index has exactly the sockets that exist. After the final shutdown it is
// empty.
func TestIndexMatchesTheSockets(t *testing.T) {
	worlds := []*world{}
	furnish := func(f *fixture) {
		for i, opts := range []auth.Options{{AtExpiry: auth.LeaveNamespace, ExpiryGrace: time.Second}, {}, {Guests: &auth.GuestOptions{Attempts: 3}}, {Guests: &auth.GuestOptions{Attempts: 2}, AtExpiry: auth.BecomeGuest, MaxLifetime: 9 * time.Second, WarnBefore: time.Second}} {
			w := &world{namespace: f.srv.Of(fmt.Sprint("/", i)), alive: map[string]bool{}, asked: map[string]int{}, seen: map[auth.LeaseState]int{}}
			opts.Authorize, opts.Timeout = auth.Check(w.authorize), time.Second
			w.gate = newGate(t, verifier(t), opts)
			w.namespace.Use(w.begin)
			mode := w.gate.Handshake
			switch i {
			case 1:
				mode = w.gate.Event(auth.EventOptions{Attempts: 3, Grace: 500 * time.Millisecond})
			case 3:
				mode = w.gate.Event(auth.EventOptions{})
			}
			f.furnish(w.namespace, mode)
			worlds = append(worlds, w)
		}
	}
	bubble(t, setup{furnish: furnish}, func(f *fixture) {
		var peers, readers sync.WaitGroup
		stop := make(chan struct{})
		for i, w := range worlds {
			for range 6 {
				peers.Go(func() { w.live(f, i%2 == 1) })
			}
			readers.Go(func() { // races with everything
				for {
					select {
					case <-stop:
						return
					case <-time.After(20 * time.Millisecond):
						_ = slices.Collect(w.gate.Leases())
						_ = slices.Collect(w.gate.LeasesOf(auth.BySubject("https://issuer", "ada")))
					}
				}
			})
		}
		for range 150 {
			time.Sleep(rand.N(200 * time.Millisecond))
			synctest.Wait()
			for _, w := range worlds {
				w.check(t)
			}
		}
		_ = f.srv.Close() // while many of them are connecting or being examined
		peers.Wait()
		close(stop)
		readers.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, w := range worlds {
			w.check(t)
			if err := auth.IndexLeft(w.gate); err != nil || len(w.alive) != 0 {
				t.Errorf("gate %d: %v; %d sockets are left", i, err, len(w.alive))
			}
			t.Logf("gate %d: states seen: %v", i, w.seen)
			if w.seen[auth.LeaseExamining] == 0 || w.seen[auth.LeaseRunning] == 0 {
				t.Errorf("gate %d: too little was seen: %v", i, w.seen)
			}
		}
	})
}
