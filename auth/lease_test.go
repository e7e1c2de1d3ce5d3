package auth_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// A peer that owes the greatest number of acknowledgements still gets the reason.
func TestExpiryIsToldBesideOtherAcknowledgements(t *testing.T) {
	bubble(t, setup{server: socketio.Options{MaxPendingAcks: 1}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
		synctest.Wait()
		go func() { _, _ = f.srv.Sockets()[0].EmitWithAck(f.ctx, "owed") }()
		if told, _ := f.unauthorized(p); told.Reason != "token_expired" {
			t.Errorf("told %+v", told)
		}
	})
}

// The lease ends when the verifier would refuse the token, so after the leeway. If it ended
// before, the peer would reconnect with the same token again and again.
func TestLeaseEndsWithTheLeeway(t *testing.T) {
	v := verifierOf(t, token.Secret(secret), token.Options{Leeway: 20 * time.Second})
	bubble(t, setup{verifier: v}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(expiring(-5 * time.Second))})
		f.ended(p, sockettest.ErrClosed, 15*time.Second)
		f.refused(sockettest.Options{Auth: bearing(expiring(-20 * time.Second))})
	})
}

// A token that expires while the gate waits for a hook does not admit the socket, not even
// for a moment.
func TestTokenThatEndsDuringAdmission(t *testing.T) {
	slow := map[string]auth.Options{
		"Authorize": {Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
			time.Sleep(3 * time.Second)
			return nil
		})},
	}
	v := verifierOf(t, token.Secret(secret), token.Options{Leeway: -1})
	for name, opts := range slow {
		for _, event := range []bool{false, true} {
			bubble(t, setup{verifier: v, gate: opts, event: event}, func(f *fixture) {
				compact := expiring(2 * time.Second)
				told := refusal{}
				if event {
					p := f.dial(sockettest.Options{})
					f.emit(p, "authenticate", bearing(compact))
					told, _ = f.unauthorized(p)
				} else {
					told = f.refused(sockettest.Options{Auth: bearing(compact)})
				}
				if told.Reason != "token_expired" {
					t.Errorf("%s, event mode %t: told %+v", name, event, told)
				}
				f.happened()
			})
		}
	}
}

// A guest that logs in with such a token gets no lease.
func TestTokenThatEndsDuringLogin(t *testing.T) {
	v := verifierOf(t, token.Secret(secret), token.Options{Leeway: -1})
	bubble(t, setup{verifier: v, gate: auth.Options{Guests: &auth.GuestOptions{Attempts: 2},
		Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
			time.Sleep(3 * time.Second)
			return nil
		}),
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing(expiring(2*time.Second)))
		if told, _ := f.unauthorized(p); told.Reason != "token_expired" {
			t.Errorf("told %+v", told)
		}
		if who := f.whoami(p); who != subject(f.ctx) {
			t.Errorf("%s is here", who)
		}
	})
}

// When the token of two namespaces of one connection expires, the client reconnects to both.
func TestExpiryOfTwoNamespaces(t *testing.T) {
	bubble(t, setup{furnish: func(f *fixture) { f.furnish(f.srv.Of("/admin"), f.gate.Event(auth.EventOptions{})) }}, func(f *fixture) {
		compact := expiring(time.Minute)
		p := f.dial(sockettest.Options{Auth: bearing(compact)})
		admin, err := p.Join(f.ctx, "/admin", nil)
		if err != nil {
			t.Fatal(err)
		}
		f.login(admin, compact)
		f.ended(p, sockettest.ErrClosed, time.Minute)
		f.ended(admin, sockettest.ErrClosed, 0)
		synctest.Wait()
		told := append(p.Events(), admin.Events()...)
		if len(told) == 0 {
			t.Error("nobody was told")
		}
		for _, event := range told {
			if event != "unauthorized" {
				t.Errorf("told %q", told)
			}
		}
	})
}

func TestLeaveNamespaceAtExpiry(t *testing.T) {
	bubble(t, setup{gate: auth.Options{AtExpiry: auth.LeaveNamespace}, furnish: func(f *fixture) {
		f.furnish(f.srv.Of("/admin"), f.gate.Handshake)
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		admin, err := p.Join(f.ctx, "/admin", bearing(expiring(time.Minute)))
		if err != nil {
			t.Fatal(err)
		}
		f.ended(admin, sockettest.ErrDisconnected, time.Minute)
		if told, e := f.unauthorized(admin); told.Reason != "token_expired" || !e.WantsAck() {
			t.Errorf("told %+v", told)
		}
		f.whoami(p)
	})
}

// An exp in the far future does not overflow a timer or fire it at once.
func TestLongLeases(t *testing.T) {
	forever := verifierOf(t, token.Secret(secret), token.Options{InsecureNoExpiry: true})
	for name, exp := range map[string]any{"year 9999": 253402300799, "fraction": 253402300798.5, "none": nil} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{verifier: forever, event: true}, func(f *fixture) {
				p := f.dial(sockettest.Options{})
				c := claims{"sub": "ada"}
				if exp != nil {
					c["exp"] = exp
				}
				f.login(p, signWith(secret, map[string]any{"alg": "HS256"}, c))
				time.Sleep(3 * time.Hour)
				f.whoami(p)
				if until := auth.Current(f.srv.Sockets()[0]).Until; until.IsZero() != (exp == nil) {
					t.Errorf("until %v", until)
				}
			})
		})
	}
}

// The wall clock decides when a lease ends. If the machine was suspended or the clock
// was set forward, the lease ends within two seconds; if the clock was set back, it
// lasts until that clock reaches its end.
func TestWallClockDecides(t *testing.T) {
	var step atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(step.Load())) }
	v := verifierOf(t, token.Secret(secret), token.Options{Leeway: -1, Now: now})
	for name, c := range map[string]struct{ step, least, most time.Duration }{
		"no step":     {0, time.Hour, time.Hour},
		"suspended":   {2 * time.Hour, 10 * time.Minute, 10*time.Minute + 2*time.Second},
		"set forward": {30 * time.Minute, 30 * time.Minute, 30 * time.Minute},
		"set back":    {-30 * time.Minute, 90 * time.Minute, 90 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			step.Store(0)
			bubble(t, setup{verifier: v, server: socketio.Options{Now: now}}, func(f *fixture) {
				p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Hour))})
				start := time.Now()
				time.Sleep(10 * time.Minute)
				step.Store(int64(c.step))
				if err := p.Ended(f.ctx); !errors.Is(err, sockettest.ErrClosed) {
					t.Errorf("ended with %v", err)
				}
				if took := time.Since(start); took < c.least || took > c.most {
					t.Errorf("the lease ended after %v, want %v to %v", took, c.least, c.most)
				}
			})
		})
	}
}

func TestNoLeaseWithoutAGate(t *testing.T) {
	if auth.Token(context.Background()) != nil || userName.From(context.Background()) != "" {
		t.Error("a token or user from nowhere")
	}
	bubble(t, setup{furnish: func(f *fixture) {
		open := f.srv.Of("/open").Open()
		open.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
			f.ran.add(fmt.Sprint(auth.Token(ctx) == nil, userName.From(ctx) == "", auth.Current(s) == nil))
			return nil
		})
	}}, func(f *fixture) {
		f.dial(sockettest.Options{Namespace: "/open"})
		f.happened("true true true")
	})
}

// A socket that has ended is not kept in memory until its token expires.
func TestClosedSocketsAreFreed(t *testing.T) {
	var seen weak.Pointer[socketio.Socket]
	remember := func(_ context.Context, s *socketio.Socket) error { seen = weak.Make(s); return nil }
	refuse := func(_ context.Context, s *socketio.Socket, _ *auth.Error) { seen = weak.Make(s) }
	for name, c := range map[string]struct {
		event, guest bool
		token        string
	}{
		"handshake": {}, "event": {event: true}, "guest": {guest: true}, "refused": {event: true, token: "junk"},
	} {
		t.Run(name, func(t *testing.T) {
			gate := auth.Options{OnRefuse: refuse, Guests: guests(c.guest)}
			bubble(t, setup{event: c.event, gate: gate, furnish: func(f *fixture) { f.srv.OnConnect(remember) }}, func(f *fixture) {
				compact := c.token
				if compact == "" {
					compact = sign(nil)
				}
				var payload any
				if !c.event && !c.guest {
					payload = bearing(compact)
				}
				p := f.dial(sockettest.Options{Auth: payload})
				if c.event {
					f.emit(p, "authenticate", bearing(compact))
					if _, err := p.Next(f.ctx); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				_ = p.Close()
				// synctest keeps a stopped timer until the time it was set for, which is
				// the gate's deadline at the latest.
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				for range 3 {
					runtime.GC()
				}
				if seen.Value() != nil {
					t.Error("the socket is still in memory")
				}
			})
		})
	}
}
