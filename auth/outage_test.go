package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// awayKeys are the keys of an issuer that may be unavailable and reports so.
type awayKeys struct{ away atomic.Bool }

func (k *awayKeys) Available() bool { return !k.away.Load() }

func (k *awayKeys) Key(context.Context, token.Unverified) (token.Key, error) {
	if k.away.Load() {
		return token.Key{}, token.ErrKeysUnavailable
	}
	return token.Secret(secret), nil
}

// crowd is a number of clients that reconnect as the JavaScript client does: 1 s after a
// connection that was open, and after growing delays while none opens.
type crowd struct {
	f       *fixture
	opened  atomic.Int64 // connections
	refused atomic.Int64 // handshakes
	inside  atomic.Int64
	clients sync.WaitGroup
}

func (c *crowd) come(ctx context.Context, opts sockettest.Options) {
	c.clients.Go(func() {
		for attempt := 0; ctx.Err() == nil; attempt++ {
			_, err := c.f.try(opts)
			var refused *client.StatusError
			switch {
			case err == nil:
				c.opened.Add(1)
				c.inside.Add(1)
				return
			case errors.As(err, &refused):
				c.refused.Add(1)
			default:
				c.opened.Add(1)
				attempt = 0
			}
			delay := time.Second << min(attempt, 10)
			select {
			case <-time.After(min(delay/2+rand.N(delay), 5*time.Second)):
			case <-ctx.Done():
			}
		}
	})
}

// While an issuer is unavailable clients back off. They are back soon after its keys are.
func TestOutage(t *testing.T) {
	const clients = 200
	for name, test := range map[string]struct {
		second bool // a namespace that needs no keys, so that handshakes go on
		most   float64
	}{
		"one namespace":                   {false, 2},
		"another namespace needs no keys": {true, 80},
	} {
		t.Run(name, func(t *testing.T) {
			keys := &awayKeys{}
			var log lockedBuffer
			gate := auth.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
			furnish := func(f *fixture) {
				if test.second {
					f.srv.Of("/open").Open()
				}
			}
			bubble(t, setup{verifier: verifierOf(t, keys, token.Options{}), gate: gate, furnish: furnish}, func(f *fixture) {
				keys.away.Store(true)
				c := &crowd{f: f}
				ctx, cancel := context.WithCancel(f.ctx)
				defer c.clients.Wait()
				defer cancel()
				for range clients {
					c.come(ctx, sockettest.Options{Auth: bearing(sign(nil))})
				}
				time.Sleep(10 * time.Second)
				before := c.opened.Load()
				time.Sleep(50 * time.Second)
				if rate := float64(c.opened.Load()-before) / 50; rate > test.most {
					t.Errorf("%.1f connections a second in the outage", rate)
				}
				if test.second {
					_ = f.dial(sockettest.Options{Namespace: "/open"}).Close() // at once
				} else if c.refused.Load() == 0 {
					t.Error("no handshake was refused")
				}
				keys.away.Store(false)
				time.Sleep(10 * time.Second)
				if n := c.inside.Load(); n != clients {
					t.Errorf("%d of %d clients were back in 10 s", n, clients)
				}
				time.Sleep(10 * time.Second)
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				if len(lines) != 2 || !strings.Contains(lines[0], "outage began") || !strings.Contains(lines[1], "outage ended") {
					t.Errorf("logged %d lines: %.2000s", len(lines), log.String())
				}
			})
		})
	}
}

// A connection that is refused because keys are unavailable stays open for a time that grows,
// up to the gate's deadline.
func TestOutageHoldsConnections(t *testing.T) {
	keys := &awayKeys{}
	furnish := func(f *fixture) { f.srv.Of("/open").Open() }
	for _, timeout := range []time.Duration{5 * time.Second, 700 * time.Millisecond} {
		bubble(t, setup{verifier: verifierOf(t, keys, token.Options{}), gate: auth.Options{Timeout: timeout}, furnish: furnish}, func(f *fixture) {
			keys.away.Store(true)
			held := func() (mean time.Duration) {
				const tries = 50
				var all sync.WaitGroup
				var sum atomic.Int64
				for range tries {
					all.Go(func() {
						begun := time.Now()
						if _, err := f.try(sockettest.Options{Auth: bearing(sign(nil))}); !errors.Is(err, sockettest.ErrClosed) {
							t.Errorf("got %v", err)
						}
						took := time.Since(begun)
						if took > timeout {
							t.Errorf("held for %v", took)
						}
						sum.Add(int64(took))
					})
				}
				all.Wait()
				return time.Duration(sum.Load() / tries)
			}
			first := held()
			if first < 500*time.Millisecond || first > 1500*time.Millisecond {
				t.Errorf("held for %v at first", first)
			}
			time.Sleep(time.Minute)
			if later := held(); timeout > time.Second && (later < first || later < 2*time.Second) {
				t.Errorf("held for %v at first, and for %v later", first, later)
			}
		})
	}
}

// Packets that a peer sends after a temporary refusal do not close its connection earlier.
func TestOutageDropsWhatComesAfterTheRefusal(t *testing.T) {
	keys := &awayKeys{}
	bubble(t, setup{verifier: verifierOf(t, keys, token.Options{}), event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		keys.away.Store(true)
		begun := time.Now()
		f.emit(p, "authenticate", bearing(sign(nil)))
		f.unauthorized(p)
		f.emit(p, "say", "hello")
		if err := p.Ended(f.ctx); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
		if took := time.Since(begun); took < 500*time.Millisecond {
			t.Errorf("ended after %v", took)
		}
		f.happened()
	})
}

// A guest whose login fails because keys are unavailable stays a guest until the connection
// closes.
func TestOutageOfAGuest(t *testing.T) {
	keys := &awayKeys{}
	bubble(t, setup{verifier: verifierOf(t, keys, token.Options{}), gate: auth.Options{Guests: &auth.GuestOptions{}}}, func(f *fixture) {
		keys.away.Store(true)
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing(sign(nil)))
		f.unauthorized(p)
		if got := f.whoami(p); got != "guest" {
			t.Errorf("whoami: %q", got)
		}
		begun := time.Now()
		if err := p.Ended(f.ctx); !errors.Is(err, sockettest.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
		if took := time.Since(begun); took < 500*time.Millisecond || took > 1500*time.Millisecond {
			t.Errorf("ended after %v", took)
		}
		_ = f.dial(sockettest.Options{}) // handshakes go on
	})
}

// The outage of one issuer does not affect peers that have a token of another one.
func TestOutageOfOneIssuer(t *testing.T) {
	gone, here := &awayKeys{}, &awayKeys{}
	both, err := token.ByIssuer(
		verifierOf(t, gone, token.Options{Issuers: []string{"https://gone.example"}}),
		verifierOf(t, here, token.Options{Issuers: []string{"https://here.example"}}))
	if err != nil {
		t.Fatal(err)
	}
	bubble(t, setup{verifier: both}, func(f *fixture) {
		gone.away.Store(true)
		c := &crowd{f: f}
		ctx, cancel := context.WithCancel(f.ctx)
		defer c.clients.Wait()
		defer cancel()
		for range 20 {
			c.come(ctx, sockettest.Options{Auth: bearing(sign(claims{"iss": "https://gone.example"}))})
		}
		for range 60 {
			time.Sleep(time.Second)
			begun := time.Now()
			_ = f.dial(sockettest.Options{Auth: bearing(sign(claims{"iss": "https://here.example"}))}).Close()
			if took := time.Since(begun); took > 0 {
				t.Errorf("admitted after %v", took)
			}
		}
		synctest.Wait()
		if c.refused.Load() > 0 {
			t.Error("handshakes were refused")
		}
	})
}

// If a program's own middleware admits sockets that need no keys, handshakes are accepted again
// as soon as the first such socket is admitted.
func TestOutageBehindMiddlewareThatChooses(t *testing.T) {
	keys := &awayKeys{}
	v := verifierOf(t, keys, token.Options{})
	bubble(t, setup{verifier: v, furnish: func(f *fixture) {
		n := f.srv.Of("/chosen")
		n.Use(func(ctx context.Context, s *socketio.Socket) error {
			if s.Handshake().Query().Get("key") == "free" {
				return nil
			}
			return f.gate.Handshake(ctx, s)
		})
		n.DependsOn(v)
		f.srv.DependsOn(v)
	}}, func(f *fixture) {
		keys.away.Store(true)
		outside, free := &crowd{f: f}, &crowd{f: f}
		ctx, cancel := context.WithCancel(f.ctx)
		defer outside.clients.Wait()
		defer cancel()
		for range 5 {
			outside.come(ctx, sockettest.Options{Auth: bearing(sign(nil))})
		}
		time.Sleep(10 * time.Second)
		if outside.refused.Load() == 0 {
			t.Error("no handshake was refused")
		}
		opts := sockettest.Options{Namespace: "/chosen", Query: url.Values{"key": {"free"}}}
		free.come(ctx, opts)
		free.clients.Wait()
		synctest.Wait() // the server notes the admission after it has answered CONNECT
		for range 10 {
			_ = f.dial(opts).Close()
			time.Sleep(time.Minute)
		}
	})
}
