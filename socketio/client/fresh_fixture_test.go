package client_test

import (
	"context"
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

// drain receives until the socket ends.
func drain(ctx context.Context, s *client.Socket) error {
	for {
		if _, err := s.Receive(ctx); err != nil {
			return err
		}
	}
}
