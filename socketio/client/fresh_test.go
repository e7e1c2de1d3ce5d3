package client_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/client"
)

// The lease is refreshed in place for hours, with and without warnings by the server.
func TestFreshRefreshesBeforeTheEnd(t *testing.T) {
	for _, warn := range []time.Duration{0, time.Minute} {
		withGate(t, auth.Options{WarnBefore: warn}, func(t *testing.T, g *guarded, opts client.Options) {
			g.claims = lifetime(10 * time.Minute)
			_, s := g.enter(opts)
			id := s.ID()
			for range 36 {
				time.Sleep(5 * time.Minute)
				g.ask(s)
			}
			tokens, refreshed, failed := g.seen()
			if s.ID() != id || len(failed) > 0 {
				t.Fatalf("socket %s became %s, failures %v", id, s.ID(), failed)
			}
			if n := len(refreshed); n < 18 || n > 22 {
				t.Errorf("%d refreshes in 3 hours (%d tokens), want about 20", n, len(tokens))
			}
			if left, ok := s.ExpiresIn(); !ok || left <= 0 || left > 11*time.Minute { // the gate has a leeway
				t.Errorf("the lease ends in %v, %v", left, ok)
			}
		})
	}
}

func TestFreshAnswersOperatorAndChallenge(t *testing.T) {
	withGate(t, auth.Options{Rooms: []auth.RoomsFrom{auth.RoomsOf("tenants", "tenant:")}}, func(t *testing.T, g *guarded, opts client.Options) {
		g.claims = func(n int) (claims, error) {
			return claims{"sub": "ada", "tenants": []string{"a", "b", "c"}[min(n, 2)-1 : min(n, 2)]}, nil
		}
		_, s := g.enter(opts)
		synctest.Wait()
		_, before, _ := g.seen()
		for lease := range g.gate.Leases() {
			g.gate.AskRefresh(lease.ID)
		}
		time.Sleep(time.Second)
		_, refreshed, failed := g.seen()
		if len(failed) > 0 || len(refreshed) != len(before)+1 {
			t.Fatalf("refreshes %v, failures %v", refreshed, failed)
		}
		if r := refreshed[len(before)]; !slices.Equal(r.Joined, []string{"tenant:b"}) || !slices.Equal(r.Left, []string{"tenant:a"}) {
			t.Errorf("refreshed %+v", r)
		}
		answer, err := s.EmitWithAck(g.ctx, "pay", "x")
		var paid string
		if err != nil || answer.Scan(&paid) != nil || paid != "x" {
			t.Fatalf("pay: %v, %v", answer, err)
		}
		tokens, _, _ := g.seen()
		if c := tokens[len(tokens)-1].Challenge; c == nil || c.MaxAge != 60 {
			t.Errorf("challenge %+v", c)
		}
		if err := s.Refresh(g.ctx); err != nil {
			t.Errorf("refresh: %v", err)
		}
	})
}

// A failure of Token is not the end, if there is time left.
func TestFreshTriesAgain(t *testing.T) {
	withGate(t, auth.Options{WarnBefore: time.Minute}, func(t *testing.T, g *guarded, opts client.Options) {
		g.claims = func(n int) (claims, error) {
			if n > 1 && n < 5 {
				return nil, errors.New("the issuer is down")
			}
			return lifetime(10 * time.Minute)(n)
		}
		_, s := g.enter(opts)
		id := s.ID()
		time.Sleep(15 * time.Minute)
		g.ask(s)
		if tokens, _, failed := g.seen(); s.ID() != id || len(failed) != 3 || len(tokens) != 5 {
			t.Errorf("socket %s became %s, %d tokens, failures %v", id, s.ID(), len(tokens), failed)
		}
	})
}

// After the end of its lease, the socket comes back with another token.
func TestFreshComesBackAfterExpiry(t *testing.T) {
	for _, end := range []auth.Expiry{auth.CloseTransport, auth.LeaveNamespace} {
		withGate(t, auth.Options{AtExpiry: end}, func(t *testing.T, g *guarded, opts client.Options) {
			begin := time.Now()
			g.claims = func(n int) (claims, error) {
				if n > 1 && time.Since(begin) < 11*time.Minute {
					return nil, errors.New("the issuer is down")
				}
				return lifetime(10 * time.Minute)(n)
			}
			_, s := g.enter(opts)
			id := s.ID()
			time.Sleep(15 * time.Minute)
			if g.ask(s); s.ID() == id {
				t.Error("the socket has outlived its lease")
			}
			if tokens, _, _ := g.seen(); len(tokens) > 40 {
				t.Errorf("asked for %d tokens", len(tokens))
			}
		})
	}
}

// A restart of the server needs a fresh token, and the new lease is refreshed too.
func TestFreshSurvivesRestart(t *testing.T) {
	withGate(t, auth.Options{}, func(t *testing.T, g *guarded, opts client.Options) {
		g.claims = lifetime(10 * time.Minute)
		_, s := g.enter(opts)
		g.cut(true)
		g.mu.Lock()
		g.restart()
		g.mu.Unlock()
		time.Sleep(time.Minute)
		g.cut(false)
		time.Sleep(30 * time.Minute)
		id := s.ID()
		g.ask(s)
		time.Sleep(30 * time.Minute)
		g.ask(s)
		if _, _, failed := g.seen(); s.ID() != id || len(failed) > 0 {
			t.Errorf("socket %s became %s, failures %v", id, s.ID(), failed)
		}
	})
}

// A revocation and ErrNoToken end the socket, and there are no more tokens.
func TestFreshEndsForGood(t *testing.T) {
	withGate(t, auth.Options{}, func(t *testing.T, g *guarded, opts client.Options) {
		_, s := g.enter(opts)
		if _, err := g.gate.Revoke(g.ctx, auth.BySubject("i", "ada"), auth.RevokeOptions{}); err != nil {
			t.Fatal(err)
		}
		err := drain(g.ctx, s)
		var refused *client.ConnectError
		if !errors.Is(err, client.ErrDisconnected) || !errors.As(err, &refused) || refused.Message == "" {
			t.Errorf("the socket ended by %v, want ErrDisconnected and the refusal", err)
		}
		before, _, _ := g.seen()
		time.Sleep(time.Hour)
		if after, _, _ := g.seen(); len(after) != len(before) {
			t.Errorf("%d more tokens after the end", len(after)-len(before))
		}
	})
	withGate(t, auth.Options{}, func(t *testing.T, g *guarded, opts client.Options) {
		g.claims = func(n int) (claims, error) {
			if n > 1 {
				return nil, client.ErrNoToken
			}
			return lifetime(10 * time.Minute)(n)
		}
		_, s := g.enter(opts)
		if err := drain(g.ctx, s); !errors.Is(err, client.ErrNoToken) {
			t.Errorf("the socket ended by %v, want ErrNoToken", err)
		}
		time.Sleep(time.Second)
		if n := len(g.srv.Sockets()); n != 0 {
			t.Errorf("the server has %d sockets", n)
		}
	})
}

// A token that the server refuses when the socket connects is final.
func TestFreshRefusedForGood(t *testing.T) {
	withGate(t, auth.Options{}, func(t *testing.T, g *guarded, opts client.Options) {
		g.claims = func(int) (claims, error) { return claims{"sub": "ada", "nbf": "never"}, nil }
		c := g.dial(opts)
		s, err := c.Join(g.ctx, "/")
		if err == nil {
			err = drain(g.ctx, s)
		}
		var refused *client.ConnectError
		if !errors.As(err, &refused) || refused.Temporary {
			t.Errorf("ended by %v, want a final refusal", err)
		}
	})
}
