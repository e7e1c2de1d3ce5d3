package auth_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// In event mode guests are admitted at once, and may log in on the same socket.
func TestEventGuests(t *testing.T) {
	for _, event := range []bool{false, true} {
		bubble(t, setup{event: event, gate: auth.Options{Guests: &auth.GuestOptions{}}, furnish: func(f *fixture) {
			f.srv.Handle("during", func(ctx context.Context, s *socketio.Socket, e *socketio.Event) error {
				time.Sleep(time.Minute) // a login meanwhile
				f.ran.add(fmt.Sprintf("during: %s, now %t", subject(ctx), auth.Current(s) != nil))
				return nil
			})
		}}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			if got := f.whoami(p); got != "guest" {
				t.Errorf("whoami: %q", got)
			}
			time.Sleep(time.Hour) // no deadline
			f.emit(p, "during")
			synctest.Wait()
			f.login(p, expiring(2*time.Hour))
			if got := f.whoami(p); got != "ada" {
				t.Errorf("whoami: %q", got)
			}
			f.happened("connected guest", "during: guest, now true")
			if told, _ := f.unauthorized(p); told.Reason != "token_expired" {
				t.Errorf("told %+v", told)
			}
			f.ended(p, sockettest.ErrClosed, 0)
		})
	}
}

// OnLogin runs when a guest logs in, with its lease and before "authenticated", in both modes.
// It does not run for other sockets.
func TestOnLogin(t *testing.T) {
	var hooks record
	gate := auth.Options{
		Guests: &auth.GuestOptions{Attempts: 2, OnLogin: func(ctx context.Context, s *socketio.Socket) {
			time.Sleep(time.Second)
			hooks.add(fmt.Sprint("login of ", userName.From(ctx), ", ", auth.Current(s).Token == auth.Token(ctx), ", ", s.Join("ada")))
		}},
		Authorize: userName.By(func(_ context.Context, tok *token.Token, _ *socketio.Handshake) (string, error) {
			return "user " + tok.Subject, nil
		}),
	}
	for _, event := range []bool{false, true} {
		hooks = record{}
		bubble(t, setup{event: event, gate: gate}, func(f *fixture) {
			p := f.dial(sockettest.Options{})
			f.emit(p, "authenticate", bearing("junk"))
			f.unauthorized(p)
			start := time.Now()
			f.login(p, sign(nil))
			if took := time.Since(start); took != time.Second {
				t.Errorf("it heard so after %v, want 1s", took)
			}
			_ = f.srv.To("ada").Emit("news")
			f.expect(p, "news")
			f.login(p, sign(nil)) // another authenticate, which is not a login
			if !event {
				f.dial(sockettest.Options{Auth: bearing(sign(nil))}) // not a guest
			}
			if got := hooks.all(); !slices.Equal(got, []string{"login of user ada, true, <nil>"}) {
				t.Errorf("OnLogin: %q", got)
			}
		})
	}
	gate.Guests.OnLogin = func(context.Context, *socketio.Socket) { panic("in OnLogin") }
	bubble(t, setup{gate: gate, event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing(sign(nil)))
		if told, _ := f.unauthorized(p); told.Reason != "internal_error" {
			t.Errorf("told %+v", told)
		}
		f.ended(p, sockettest.ErrDisconnected, 0)
		f.happened("connected guest", "disconnected: server namespace disconnect")
	})
	// The lease may end during OnLogin, and then ends the socket.
	gate.Guests.OnLogin = func(ctx context.Context, _ *socketio.Socket) { <-ctx.Done(); panic("in OnLogin") }
	bubble(t, setup{gate: gate, event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing(expiring(time.Minute)))
		if told, _ := f.unauthorized(p); told.Reason != "token_expired" {
			t.Errorf("told %+v", told)
		}
		f.ended(p, sockettest.ErrClosed, 0)
		synctest.Wait()
		if strings.Contains(f.log.String(), `msg="auth: refused"`) {
			t.Error("refused after its end")
		}
	})
}

// A peer that shows a bad token is not admitted as a guest, and a guest that shows one ends.
func TestGuestWithABadToken(t *testing.T) {
	bubble(t, setup{event: true, gate: auth.Options{Guests: &auth.GuestOptions{}}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing("junk"))
		f.unauthorized(p)
		f.ended(p, sockettest.ErrDisconnected, 2*time.Second)
		f.happened("connected guest", "disconnected: server namespace disconnect")
	})
	bubble(t, setup{event: true, gate: auth.Options{Guests: &auth.GuestOptions{Attempts: 2}}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		f.emit(p, "authenticate", bearing("junk"))
		f.unauthorized(p)
		time.Sleep(time.Hour)
		f.login(p, sign(nil))
	})
}

// When a guest logs in, only the payload of "authenticate" is read for a token, because the
// socket does not keep all of its handshake.
func TestGuestLoginReadsOnlyThePayload(t *testing.T) {
	bubble(t, setup{event: true, gate: auth.Options{Guests: &auth.GuestOptions{}}, furnish: func(f *fixture) {
		f.srv.OnConnect(func(context.Context, *socketio.Socket) error { time.Sleep(time.Minute); return nil })
	}}, func(f *fixture) {
		header := map[string][]string{"Authorization": {"Bearer " + sign(nil)}}
		p := f.dial(sockettest.Options{Header: header})
		f.emit(p, "authenticate")
		if told, _ := f.unauthorized(p); told.Reason != "token_missing" {
			t.Errorf("told %+v", told)
		}
		p = f.dial(sockettest.Options{Header: header})
		f.login(p, sign(claims{"sub": "bob"})) // not a conflict with the handshake's token
		time.Sleep(time.Hour / 2)
	})
}

// A login that takes too long is refused temporarily, like a hold: the client reconnects.
func TestGuestLoginTimeout(t *testing.T) {
	bubble(t, setup{event: true, verifier: slow(t, time.Minute), gate: auth.Options{Guests: &auth.GuestOptions{}}}, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		time.Sleep(time.Hour)
		f.emit(p, "authenticate", bearing(expiring(time.Hour)))
		if told, _ := f.unauthorized(p); told.Reason != "auth_unavailable" {
			t.Errorf("told %+v", told)
		}
		f.ended(p, sockettest.ErrClosed, 0)
		time.Sleep(time.Hour)
		f.happened("connected guest", "disconnected: forced server close")
	})
}
