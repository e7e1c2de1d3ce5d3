package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
)

// guarded is a fixture whose server has a gate, and can be restarted.
type guarded struct {
	*fixture
	opts    auth.Options
	byEvent bool
	handler atomic.Pointer[http.Handler]
	gate    *auth.Gate
	sign    func(claims map[string]any) string

	mu        sync.Mutex
	tokens    []client.TokenRequest       // that the client asked for
	claims    func(n int) (claims, error) // of the nth token
	refreshed []client.Refreshed
	failed    []error
}

type claims map[string]any

// restart replaces the server by another one.
func (g *guarded) restart() {
	g.t.Helper()
	if g.srv != nil {
		_ = g.srv.Close()
	}
	srv, err := socketio.NewServer(socketio.Options{Logger: discard})
	if err != nil {
		g.t.Fatal(err)
	}
	opts := g.opts
	opts.Logger = discard
	g.gate, g.sign = authtest.NewGate(g.t, opts)
	mode := socketio.ConnectMiddleware(g.gate.Handshake)
	if g.byEvent {
		mode = g.gate.Event(auth.EventOptions{})
	}
	srv.Use(mode)
	srv.DependsOn(g.gate)
	srv.Handle("pay", g.gate.Require(auth.Fresh(auth.Freshness{MaxAge: time.Minute}))(echoed))
	srv.Handle("echo", echoed)
	handler, err := srv.Handler()
	if err != nil {
		g.t.Fatal(err)
	}
	g.srv = srv
	g.handler.Store(&handler)
}

func echoed(_ context.Context, _ *socketio.Socket, e *socketio.Event) error {
	return e.Ack(e.Args()...)
}

// withGate runs test in each transport and mode.
func withGate(t *testing.T, opts auth.Options, test func(t *testing.T, g *guarded, options client.Options)) {
	for name, transports := range transports {
		for _, byEvent := range []bool{false, true} {
			mode := map[bool]string{false: "handshake", true: "event"}[byEvent]
			t.Run(name+" "+mode, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := &guarded{opts: opts, byEvent: byEvent, claims: func(int) (claims, error) { return claims{"sub": "ada", "iss": "i"}, nil }}
					serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*g.handler.Load()).ServeHTTP(w, r) }), func(f *fixture) {
						g.fixture = f
						g.restart()
						defer func() { _ = g.srv.Close() }()
						test(t, g, client.Options{Transports: transports, Token: g.token, TokenByEvent: byEvent, OnRefresh: g.onRefresh})
					})
				})
			})
		}
	}
}

func (g *guarded) token(_ context.Context, r client.TokenRequest) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens = append(g.tokens, r)
	c, err := g.claims(len(g.tokens))
	if err != nil {
		return "", err
	}
	if r.Challenge != nil {
		c["auth_time"] = time.Now().Unix()
	}
	return g.sign(c), nil
}

func (g *guarded) onRefresh(_ *client.Socket, r client.Refreshed, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.failed = append(g.failed, err)
	} else {
		g.refreshed = append(g.refreshed, r)
	}
}

func (g *guarded) seen() (tokens []client.TokenRequest, refreshed []client.Refreshed, failed []error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.tokens), slices.Clone(g.refreshed), slices.Clone(g.failed)
}

// enter joins, and waits until the socket is admitted.
func (g *guarded) enter(opts client.Options) (*client.Client, *client.Socket) {
	g.t.Helper()
	c := g.dial(opts)
	s := g.join(c, "/")
	g.ask(s)
	return c, s
}

// lifetime makes tokens that are good for d.
func lifetime(d time.Duration) func(int) (claims, error) {
	return func(int) (claims, error) {
		return claims{"sub": "ada", "iss": "i", "exp": time.Now().Add(d).Unix()}, nil
	}
}

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

// drain receives until the socket ends.
func drain(ctx context.Context, s *client.Socket) error {
	for {
		if _, err := s.Receive(ctx); err != nil {
			return err
		}
	}
}
