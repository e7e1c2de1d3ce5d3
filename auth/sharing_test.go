package auth_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
)

// If too many sockets are held in one namespace, or a guest's login cannot be examined, the
// sockets that other namespaces of the connection have admitted stay.
func TestTemporaryRefusalKeepsOtherNamespaces(t *testing.T) {
	away := func(context.Context, token.Unverified) (token.Key, error) {
		return token.Key{}, token.ErrKeysUnavailable
	}
	bubble(t, setup{furnish: func(f *fixture) {
		full := newGate(t, verifier(t), auth.Options{})
		f.furnish(f.srv.Of("/admin"), full.Event(auth.EventOptions{MaxHeld: 1}))
		guests := newGate(t, verifierOf(t, token.KeyFunc(away), token.Options{}), auth.Options{Guests: &auth.GuestOptions{}})
		f.furnish(f.srv.Of("/guests"), guests.Event(auth.EventOptions{}))
	}}, func(f *fixture) {
		f.dial(sockettest.Options{Namespace: "/admin"}) // is held
		p := f.dial(sockettest.Options{Auth: bearing(sign(nil))})
		var refused *sockettest.ConnectError
		if _, err := p.Join(f.ctx, "/admin", nil); !errors.As(err, &refused) {
			t.Fatalf("got %v, want CONNECT_ERROR", err)
		}
		if data := string(refused.Data); !containsAny(data, `"reason":"overloaded"`) || !containsAny(data, `"temporary":true`) {
			t.Errorf("told %s", data)
		}
		guest, err := p.Join(f.ctx, "/guests", nil)
		if err != nil {
			t.Fatal(err)
		}
		f.emit(guest, "authenticate", bearing(sign(nil)))
		if told, _ := f.unauthorized(guest); told.Reason != "keys_unavailable" {
			t.Errorf("told %+v", told)
		}
		f.ended(guest, sockettest.ErrDisconnected, 0)
		f.whoami(p)
	})
}

// While the transport of a guest whose login was refused temporarily stays open, another
// namespace admits a socket. It stays, and only the guest's socket ends.
func TestGuestsDelayedRefusalKeepsLaterSockets(t *testing.T) {
	busy := func(context.Context, *token.Token, *socketio.Handshake) error {
		return &auth.Error{Message: "busy", Temporary: true, RetryAfter: 10 * time.Second}
	}
	bubble(t, setup{furnish: func(f *fixture) {
		guests := newGate(t, verifier(t), auth.Options{Guests: &auth.GuestOptions{}, Authorize: auth.Check(busy)})
		f.furnish(f.srv.Of("/guests"), guests.Event(auth.EventOptions{}))
	}}, func(f *fixture) {
		guest := f.dial(sockettest.Options{Namespace: "/guests"})
		f.emit(guest, "authenticate", bearing(sign(nil)))
		if told, _ := f.unauthorized(guest); told.Message != "busy" {
			t.Errorf("told %+v", told)
		}
		time.Sleep(time.Second)
		p, err := guest.Join(f.ctx, "/", bearing(sign(nil)))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		f.whoami(p)
		f.ended(guest, sockettest.ErrDisconnected, 0)
	})
}
