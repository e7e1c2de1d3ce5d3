package auth_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// wallClock returns a clock that a test can set, and a verifier that uses it.
func wallClock(t *testing.T) (step *atomic.Int64, now func() time.Time, v *token.Verifier) {
	t.Helper()
	step = new(atomic.Int64)
	now = func() time.Time { return time.Now().Add(time.Duration(step.Load())) }
	return step, now, verifierOf(t, token.Secret(secret), token.Options{Leeway: -1, Now: now})
}

// When the clock is set forward by a month, the lease ends at once: no handler starts, no
// broadcast reaches the socket, and a second authenticate gets no answer. The peer gets the
// reason within two seconds.
func TestLeaseIsOverWhenTheClockIsSet(t *testing.T) {
	for _, event := range []bool{false, true} {
		step, now, v := wallClock(t)
		bubble(t, setup{verifier: v, server: socketio.Options{Now: now}, event: event}, func(f *fixture) {
			compact := expiring(time.Hour)
			p := f.dial(sockettest.Options{Auth: bearing(compact)})
			if event {
				f.login(p, compact)
			}
			f.emit(p, "before")
			synctest.Wait()
			step.Store(int64(30 * 24 * time.Hour))
			f.emit(p, "late")
			f.emit(p, "authenticate", bearing(compact))
			_ = f.srv.To("lobby").Emit("late")
			f.nothing(p)
			f.happened("connected ada", "event before")
			if listed := f.srv.Sockets(); len(listed) != 0 {
				t.Errorf("listed: %v", listed)
			}
			start := time.Now()
			if told, e := f.unauthorized(p); told.Reason != "token_expired" || !e.WantsAck() {
				t.Errorf("told %+v", told)
			}
			if err := p.Ended(f.ctx); time.Since(start) > 2*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			f.happened("connected ada", "event before", "disconnected: forced server close")
		})
	}
}

// In a flood of events across the end of the lease, no handler begins with a context
// that has ended.
func TestFloodAcrossTheEndOfALease(t *testing.T) {
	var handled, late atomic.Int64
	flood := func(ctx context.Context, _ *socketio.Socket, _ *socketio.Event) error {
		if ctx.Err() != nil {
			late.Add(1)
		}
		handled.Add(1)
		time.Sleep(time.Millisecond) // of fake time, so that the lease ends during the flood
		return nil
	}
	bubble(t, setup{furnish: func(f *fixture) { f.srv.Handle("flood", flood) }}, func(f *fixture) {
		peers := make([]*sockettest.Peer, 8)
		for i := range peers {
			peers[i] = f.dial(sockettest.Options{Auth: bearing(expiring(2 * time.Second))})
		}
		for range 3000 {
			for _, p := range peers {
				_ = p.Emit("flood")
			}
		}
		for _, p := range peers {
			_ = p.Ended(f.ctx)
		}
		synctest.Wait()
		if late.Load() > 0 || handled.Load() == 0 || handled.Load() > 8*2001 {
			t.Errorf("%d handlers, %d of them began too late", handled.Load(), late.Load())
		}
	})
}

// Leases have their full length if the verifier and the server use a clock that is years
// behind the machine's.
func TestLeaseByAClockOfThePast(t *testing.T) {
	past := func() time.Time { return time.Now().Add(-10 * 365 * 24 * time.Hour) }
	v := verifierOf(t, token.Secret(secret), token.Options{Leeway: -1, Now: past})
	bubble(t, setup{verifier: v, server: socketio.Options{Now: past}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(claims{"exp": past().Add(time.Minute).Unix()}))})
		f.whoami(p)
		f.ended(p, sockettest.ErrClosed, time.Minute)
		if told, _ := f.unauthorized(p); told.Reason != "token_expired" {
			t.Errorf("told %+v", told)
		}
	})
}

// If the clock of the verifier is behind the server's, a token that has expired by the
// server's clock is refused. No socket is admitted with a lease that has already ended.
func TestServerClockRefusesWhatTheVerifierAccepts(t *testing.T) {
	past := func() time.Time { return time.Now().Add(-time.Hour) }
	v := verifierOf(t, token.Secret(secret), token.Options{Leeway: -1, Now: past})
	for _, guest := range []bool{false, true} {
		bubble(t, setup{verifier: v, gate: auth.Options{Guests: guests(guest)}}, func(f *fixture) {
			compact := sign(claims{"exp": time.Now().Add(-time.Minute).Unix()})
			if told := f.refused(sockettest.Options{Auth: bearing(compact)}); told.Reason != "token_expired" {
				t.Errorf("handshake mode: told %+v", told)
			}
			f.happened()
		})
	}
	bubble(t, setup{verifier: v, event: true}, func(f *fixture) {
		compact := sign(claims{"exp": time.Now().Add(-time.Minute).Unix()})
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing(compact))
		if told, _ := f.unauthorized(p); told.Reason != "token_expired" {
			t.Errorf("event mode: told %+v", told)
		}
		f.happened()
	})
}

// If many leases end at the same moment, every peer gets the reason.
func TestManyLeasesEndAtOnce(t *testing.T) {
	bubble(t, setup{}, func(f *fixture) {
		var reasons []string
		peers := make([]*sockettest.Peer, 50)
		for i := range peers {
			peers[i] = f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
		}
		time.Sleep(time.Minute)
		for _, p := range peers {
			f.ended(p, sockettest.ErrClosed, 0)
			told, _ := f.unauthorized(p)
			reasons = append(reasons, told.Reason)
		}
		if slices.ContainsFunc(reasons, func(r string) bool { return r != "token_expired" }) {
			t.Errorf("told %q", reasons)
		}
	})
}

// The server's clock may list leases: no lock of the gate is held while it runs. A
// middleware before the gate sets a deadline, because the clock is read only for sockets
// that have one.
func TestClockMayListLeases(t *testing.T) {
	authenticate := func(t *testing.T, use func(*auth.Gate) socketio.ConnectMiddleware, opts auth.Options, compact, want string) {
		gate := newGate(t, verifier(t), opts)
		var calls atomic.Int64
		srv, err := socketio.NewServer(socketio.Options{Now: func() time.Time {
			calls.Add(1)
			done := make(chan struct{})
			go func() {
				defer close(done)
				listed(gate)
			}()
			select {
			case <-done:
			case <-time.After(5 * time.Second):
				t.Error("the clock waits for a lock of the gate")
			}
			return time.Now()
		}})
		if err != nil {
			t.Fatal(err)
		}
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			s.SetDeadline(time.Now().Add(time.Hour), func() {})
			return nil
		}, use(gate))
		url, stop := serve(srv)
		defer stop()
		p, err := sockettest.Dial(t.Context(), url, sockettest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.Emit("authenticate", bearing(compact)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Expect(t.Context(), want); err != nil || calls.Load() == 0 {
			t.Errorf("got %v after %d calls of the clock, want %s", err, calls.Load(), want)
		}
	}
	event := func(g *auth.Gate) socketio.ConnectMiddleware { return g.Event(auth.EventOptions{}) }
	handshake := func(g *auth.Gate) socketio.ConnectMiddleware { return g.Handshake }
	withGuests := auth.Options{Guests: &auth.GuestOptions{}}
	t.Run("held socket admitted", func(t *testing.T) { authenticate(t, event, auth.Options{}, sign(nil), "authenticated") })
	t.Run("held socket refused", func(t *testing.T) { authenticate(t, event, auth.Options{}, "junk", "unauthorized") })
	t.Run("guest logs in", func(t *testing.T) { authenticate(t, handshake, withGuests, sign(nil), "authenticated") })
	t.Run("guest refused", func(t *testing.T) { authenticate(t, handshake, withGuests, "junk", "unauthorized") })
}
