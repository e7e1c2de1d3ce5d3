package auth_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

func TestEventAdmits(t *testing.T) {
	var w wire
	bubble(t, setup{event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{Trace: w.trace})
		f.emit(p, "authenticate", bearing(sign(nil)))
		w.want(t, `0{"sid":"*"}`, `2["authenticated"]`)
		if got := f.whoami(p); got != "ada" {
			t.Errorf("whoami: %q", got)
		}
		f.happened("connected ada")
		time.Sleep(30 * time.Minute) // the deadline was stopped
		f.whoami(p)
	})
}

func TestDeadlineOnTheWire(t *testing.T) {
	var w wire
	bubble(t, setup{event: true, gate: auth.Options{Timeout: time.Second}, mode: auth.EventOptions{Grace: -1}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Trace: w.trace})
		f.ended(p, sockettest.ErrDisconnected, time.Second)
		w.want(t, `0{"sid":"*"}`, unauthorizedEvent(0, "authentication timeout", "credentials_required", "auth_timeout"), "1")
	})
}

// A junk event does not give a peer a permanent anonymous connection. Once a socket is
// refused, a good token does not change that.
func TestOneAttemptUnlessMoreAreAllowed(t *testing.T) {
	bubble(t, setup{event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing("junk"))
		f.emit(p, "authenticate", bearing(sign(nil)))
		f.unauthorized(p)
		f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
		f.nothing(p)
		f.happened()
	})
}

// A peer that acknowledges the refusal is disconnected before the end of the grace.
func TestAcknowledgementEndsTheGrace(t *testing.T) {
	bubble(t, setup{event: true, mode: auth.EventOptions{Grace: time.Hour}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing("junk"))
		_, e := f.unauthorized(p)
		time.Sleep(30 * time.Second)
		f.nothing(p) // the deadline was stopped
		_ = e.Ack()
		f.ended(p, sockettest.ErrDisconnected, 0)
	})
	// As with the npm package, the same holds while there are attempts left.
	bubble(t, setup{event: true, mode: auth.EventOptions{Attempts: 2}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing("junk"))
		_, e := f.unauthorized(p)
		_ = e.Ack()
		f.ended(p, sockettest.ErrDisconnected, 0)
	})
	// An acknowledgement after the admission does not end the socket.
	bubble(t, setup{event: true, mode: auth.EventOptions{Attempts: 2}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing("junk"))
		_, e := f.unauthorized(p)
		f.login(p, sign(nil))
		_ = e.Ack()
		time.Sleep(time.Minute)
		f.whoami(p)
	})
}

func TestGrace(t *testing.T) {
	for grace, want := range map[time.Duration]time.Duration{0: 2 * time.Second, -1: 0, 300 * time.Millisecond: 300 * time.Millisecond} {
		bubble(t, setup{event: true, mode: auth.EventOptions{Grace: grace}}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			f.emit(p, "authenticate", bearing("junk"))
			f.unauthorized(p)
			f.ended(p, sockettest.ErrDisconnected, want)
		})
	}
}

// "authenticated" means that the socket is admitted. An event that the peer sends after it is
// not an early event, even if the middleware after the gate is slow.
func TestAuthenticatedMeansAdmitted(t *testing.T) {
	bubble(t, setup{event: true, mode: auth.EventOptions{DropEarly: true}, furnish: func(f *fixture) {
		f.srv.Use(func(context.Context, *socketio.Socket) error { time.Sleep(30 * time.Second); return nil })
		f.srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("welcome") })
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.login(p, sign(nil))
		f.emit(p, "after")
		f.happened("connected ada", "event after")
		f.expect(p, "welcome")
	})
}

// Beyond MaxHeld a socket is refused temporarily. A held socket that is admitted, refused or
// ended makes room for another one.
func TestMaxHeld(t *testing.T) {
	var refused record
	gate := auth.Options{OnRefuse: func(_ context.Context, _ *socketio.Socket, e *auth.Error) { refused.add(string(e.Reason)) }}
	bubble(t, setup{event: true, gate: gate, mode: auth.EventOptions{MaxHeld: 2}}, func(f *fixture) {
		full := func() {
			t.Helper()
			if _, err := f.try(sockettest.Options{}); !errors.Is(err, sockettest.ErrClosed) {
				t.Fatalf("got %v, want a closed transport", err)
			}
		}
		p := f.dial(sockettest.Options{})
		leaves := f.dial(sockettest.Options{})
		full()
		f.login(p, sign(nil))
		bad := f.dial(sockettest.Options{})
		full()
		f.emit(bad, "authenticate", bearing("junk"))
		f.unauthorized(bad)
		full() // it is still held
		f.ended(bad, sockettest.ErrDisconnected, 2*time.Second)
		synctest.Wait()
		f.dial(sockettest.Options{})
		full()
		_ = leaves.Close()
		synctest.Wait()
		f.dial(sockettest.Options{})
		full()
		time.Sleep(time.Minute) // past the deadlines of the held sockets
		f.dial(sockettest.Options{})
		f.dial(sockettest.Options{})
		full()
		f.whoami(p)
		if got := refused.all(); !slices.Contains(got, "overloaded") {
			t.Errorf("OnRefuse heard %q", got)
		}
	})
}

// If a token is accepted at the instant of the deadline, the socket is either admitted or
// refused, and never both.
func TestDeadlineAgainstSuccess(t *testing.T) {
	outcomes := map[string]int{}
	for range 100 {
		bubble(t, setup{event: true, verifier: slow(t, 5*time.Second), gate: auth.Options{
			OnRefuse: func(_ context.Context, _ *socketio.Socket, _ *auth.Error) { outcomes["refused"]++ },
		}}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			f.emit(p, "authenticate", bearing(sign(nil)))
			time.Sleep(time.Minute)
			synctest.Wait()
			ran := f.ran.all()
			switch events := p.Events(); {
			case slices.Equal(events, []string{"authenticated"}):
				outcomes["admitted"]++
				if !slices.Equal(ran, []string{"connected ada"}) {
					t.Errorf("authenticated, and on the server ran %q", ran)
				}
				f.whoami(p)
			case slices.Equal(events, []string{"unauthorized"}):
				if len(ran) != 0 {
					t.Errorf("unauthorized, and on the server ran %q", ran)
				}
				f.ended(p, sockettest.ErrClosed, 0)
			default:
				t.Errorf("told %q", events)
			}
		})
	}
	t.Log(outcomes)
}

// A slow key server does not delay other sockets.
func TestSlowVerificationDoesNotDelayOthers(t *testing.T) {
	v := verifierOf(t, token.KeyFunc(func(_ context.Context, u token.Unverified) (token.Key, error) {
		if u.Header.KeyID == "slow" {
			time.Sleep(4 * time.Second)
		}
		return token.Secret(secret), nil
	}), token.Options{})
	bubble(t, setup{event: true, verifier: v}, func(f *fixture) {
		late, quick := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		exp := time.Now().Add(time.Hour).Unix()
		f.emit(late, "authenticate", bearing(signWith(secret, map[string]any{"alg": "HS256", "kid": "slow"}, claims{"sub": "late", "exp": exp})))
		start := time.Now()
		f.login(quick, sign(nil))
		if took := time.Since(start); took != 0 {
			t.Errorf("the quick one took %v", took)
		}
		f.expect(late, "authenticated")
	})
}

// A socket that other middleware held can send "authenticate" while the gate examines its
// handshake. The two tokens are not mixed: the lease has the subject and the end of one.
func TestAuthenticateBesideHandshake(t *testing.T) {
	slow := auth.Options{Authorize: auth.Check(func(context.Context, *token.Token, *socketio.Handshake) error {
		time.Sleep(2 * time.Second)
		return nil
	})}
	bubble(t, setup{gate: slow, furnish: func(f *fixture) {
		late := f.srv.Of("/late")
		late.Use(func(_ context.Context, s *socketio.Socket) error {
			time.AfterFunc(time.Second, func() { _ = s.Admit() })
			return s.Hold(socketio.HoldOptions{})
		})
		f.furnish(late, f.gate.Handshake)
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Namespace: "/late", Auth: bearing(sign(nil))})
		time.Sleep(2 * time.Second)
		f.emit(p, "authenticate", bearing(sign(claims{"sub": "bob", "exp": time.Now().Add(time.Minute).Unix()})))
		time.Sleep(3 * time.Second)
		if who := f.whoami(p); who != "ada" {
			t.Errorf("%s has the lease of ada", who)
		}
		f.happened("connected ada")
	})
}

// An admitted socket cannot flood the log or the verifier with bad tokens.
func TestRefusedRepeatsOfAuthenticateAreBounded(t *testing.T) {
	verified := 0
	v := verifierOf(t, token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) {
		verified++
		return token.Secret(secret), nil
	}), token.Options{})
	bubble(t, setup{verifier: v}, func(f *fixture) {
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		for range 1000 {
			f.emit(p, "authenticate", bearing(sign(claims{"sub": "mallory"})))
		}
		f.whoami(p)
		synctest.Wait()
		if n := len(p.Events()); n != 10 || verified != 11 {
			t.Errorf("%d answers and %d verifications, want 10 and 11", n, verified)
		}
	})
}

// Shutdown ends held sockets without DISCONNECT, so that their clients reconnect.
func TestShutdownOfHeldSockets(t *testing.T) {
	bubble(t, setup{event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		refused := f.dial(sockettest.Options{})
		f.emit(refused, "authenticate", bearing("junk"))
		f.unauthorized(refused)
		if err := f.srv.Shutdown(f.ctx); err != nil {
			t.Error(err)
		}
		f.ended(p, sockettest.ErrClosed, 0)
		f.ended(refused, sockettest.ErrClosed, 0)
	})
}
